### No native speaker has reviewed this translation yet. Corrections are welcome.

stop = alto, parar, pare, paren, basta, baja, darme de baja, no más, no mas, no más mensajes, no mas mensajes, no molestar, dejen de escribir

start = alta, reanudar, volver, empezar

help = ayuda, auxilio, quién es, quien es

confirm = sí, si, sip, vale, de acuerdo, confirmo, confirmar, confirmado, confirmada, comfirmo, confirmo cita, ahí estaré, ahi estare

reschedule = cambiar, cambio, cambiar cita, cambiar fecha, otra fecha, otro día, otro dia, reprogramar, reagendar, posponer

cancel = anular, anular cita, cancelar cita, no puedo ir, no voy, no iré, no ire, no podré ir, no podre ir
