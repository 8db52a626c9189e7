//! Twilio tells a great deal at once, and not all of it is Twilio.

use super::{Form, STATUS, events, queued, signature_of, told};
use crate::delivery::state;
use crate::for_each_database;
use tidings::twilio::signature::HEADER;
use tokio::task::JoinSet;

for_each_database! {
    async fn five_hundred_callbacks_at_once_end_in_the_right_states(start: Start) {
        let host = start.host().await;
        let mut texts = Vec::new();
        for number in 0..80 {
            texts.push(queued(&host, &format!("+1202555{:04}", 100 + number)).await);
        }
        // In no order, twice, with some that Twilio has not sent and some about texts that nobody knows.
        let mut calls = JoinSet::new();
        let mut expected = Vec::new();
        let mut tell = |path: &str, form: Form, status: u16| {
            let signature = if status == 403 { "forged".to_owned() } else { signature_of(&host, path, &form) };
            let request = host.client.post(format!("{}{path}", host.base)).form(&form).header(HEADER, signature);
            calls.spawn(async move { (request.send().await.unwrap().status().as_u16(), status) });
        };
        for (number, (id, sid, path)) in texts.iter().enumerate() {
            let end = if number % 3 == 0 { "undelivered" } else { "delivered" };
            for word in [end, "sent", "queued", end, "sent"] {
                let mut form = told(sid, word);
                if word == "undelivered" {
                    form.push(("ErrorCode".to_owned(), "30006".to_owned()));
                }
                tell(path, form, 204);
            }
            tell(path, told(sid, "failed"), 403);
            expected.push((id.clone(), end));
        }
        for number in 0..20 {
            tell(STATUS, told(&super::sid(9000 + number), "delivered"), 404);
        }
        while let Some(answer) = calls.join_next().await {
            let (status, expected) = answer.unwrap();
            assert_eq!(status, expected);
        }
        for (id, end) in expected {
            assert_eq!((state(&host, &id).await.as_str(), events(&host, &id).await.len()), (end, 3));
        }
        assert_eq!(host.sandbox.calls(), 80);
    }
}
