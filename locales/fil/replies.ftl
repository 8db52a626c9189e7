### No native speaker has reviewed this translation yet. Corrections are welcome.

reply-help = { $clinic }: mga text tungkol sa appointment at bayad ninyo.

rates = Maaaring may singil sa text at data.

reply-stopped = { $clinic }: hindi na po kayo makatatanggap ng text mula sa amin.

reply-stopped-undo = I-reply ang START para tumanggap muli.

reply-started = { $clinic }: makatatanggap na po kayo muli ng text mula sa amin.

reply-for-help = I-reply ang HELP para sa tulong.

which-visit = { $clinic }: aling appointment po ang tinutukoy ninyo?
which-visit-first = 1: { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }.
which-visit-second = 2: { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }.
which-visit-third = 3: { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }.
which-visit-fourth = 4: { DATETIME($at, style: "day") }, { DATETIME($at, style: "time") }.
which-visit-reply = I-reply ang numero.
