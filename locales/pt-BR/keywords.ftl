### No native speaker has reviewed this translation yet. Corrections are welcome.
### "Cancelar" alone is in none of the lists: it may mean the visit, and it may mean the texts.

stop = parar, pare, parem, sair, basta, chega, descadastrar, remover, não enviar, nao enviar, não enviar mais, nao enviar mais, não quero mais mensagens, nao quero mais mensagens, sem mensagens

start = voltar, retomar, recomeçar, recomecar, começar, comecar, iniciar, ativar, quero receber

help = ajuda, socorro, me ajude, quem é, quem e, quem é você, quem e voce, quem são vocês, quem sao voces

confirm = sim, s, ss, confirmo, confirmar, confirmado, confirmada, comfirmo, certo, tudo certo, combinado, pode ser, eu vou, vou sim, estarei lá, estarei la

reschedule = remarcar, reagendar, mudar, mudar data, mudar a data, mudar horário, mudar horario, trocar, trocar data, outra data, outro dia, outro horário, outro horario, adiar, alterar

cancel = desmarcar, desmarcar consulta, desmarcar a consulta, cancelar consulta, cancelar a consulta, cancelar minha consulta, não vou, nao vou, não irei, nao irei, não posso ir, nao posso ir, não poderei ir, nao poderei ir
