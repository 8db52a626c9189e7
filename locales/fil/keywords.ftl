### No native speaker has reviewed this translation yet. Corrections are welcome.

stop = tigil, itigil, tumigil, tigil na, itigil na, itigil po, ihinto, hinto, tama na, huwag na mag-text, huwag na magtext, wag na mag-text, wag na magtext, huwag na po mag-text

start = simula, simulan, simulan muli, magsimula, magsimula muli

help = tulong, patulong, tulungan ninyo ako, sino ito, sino po ito, sino to, sino po to, sino kayo, sino po kayo

confirm = oo, opo, oho, sige, sige po, cge, cge po, ok po, okay po, tuloy, tuloy po, kumpirma, kumpirmado, kinukumpirma ko, darating ako, darating po ako, pupunta ako, pupunta po ako

reschedule = ilipat, lipat, ilipat po, palit, palitan, magpalit, ibang araw, ibang petsa, ibang oras, pa-resched, paresched, pa resched

cancel = hindi tuloy, di tuloy, hindi po tuloy, kanselahin, ikansela, i-cancel, kanselahin ang appointment, ikansela ang appointment, hindi ako makakapunta, hindi po ako makakapunta, di ako makakapunta, di po ako makakapunta, hindi ako makapunta, di ako makapunta, hindi ako darating, hindi po ako darating
