### No native speaker has reviewed this translation yet. Corrections are welcome.

reply-help = { $clinic }: mensagens sobre suas consultas e pagamentos.

rates = Podem incidir tarifas de mensagens e dados.

reply-stopped = { $clinic }: o envio de mensagens foi encerrado.

reply-stopped-undo = Responda START para receber de novo.

reply-started = { $clinic }: o envio de mensagens foi retomado.

reply-for-help = Responda HELP para ajuda.
