### No native speaker has reviewed this translation yet. Corrections are welcome.
### Magalang ("po", "kayo"), maikli, at mga salitang ginagamit araw-araw.

optout = I-reply ang STOP para tumigil.
optout-short = STOP para tumigil.

reply-confirm-or-change = I-reply ang C kung tuloy, R kung ililipat.
reply-confirm-or-change-short = C: tuloy, R: ilipat.

reply-change = I-reply ang R kung ililipat.
reply-change-short = R: ilipat.

call-to-rebook = Para sa ibang petsa, tumawag po sa { $phone }.

call-with-questions = May tanong? Tumawag po sa { $phone }.

call-for-help = Para sa tulong, tumawag po sa { $phone }.
