### No native speaker has reviewed this translation yet. Corrections are welcome.
### 用“您”，文字简短明白。句子之间没有空格。

optout = 回复STOP退订。
optout-short = STOP退订。

reply-confirm-or-change = 回复C确认，R改期。
reply-confirm-or-change-short = C确认，R改期。

reply-change = 回复R改期。
reply-change-short = R改期。

call-to-rebook = 重新预约请拨打{ $phone }。

call-with-questions = 如有问题请拨打{ $phone }。

call-for-help = 如需帮助请拨打{ $phone }。
