//! What the renderer and the host are told: the sections as they take them.

use super::Config;
use crate::render::RenderSettings;
use crate::service;

/// How often hosts look for what is due, whatever wakes them in between.
const POLL: std::time::Duration = std::time::Duration::from_secs(1);

impl Config {
    /// What the renderer is told.
    #[must_use]
    pub fn render(&self) -> RenderSettings {
        RenderSettings {
            default_language: self.clinic.language.clone(),
            clinic_region: self.clinic.country.clone(),
            twenty_four_hours: self.clinic.twenty_four_hours,
            sent_before: if self.twilio.trial { crate::twilio::TRIAL_PREFIX } else { "" },
            own: Some(crate::render::Own {
                name: self.clinic.name.clone(),
                phone: self.clinic.phone.clone(),
                domain: self.otp.domain.clone(),
                app_hash: self.otp.app_hash.clone(),
                digits: self.otp.digits,
            }),
        }
    }

    /// What the host is told.
    #[must_use]
    pub fn settings(&self) -> service::Settings {
        service::Settings {
            clinic: service::Clinic {
                name: self.clinic.name.clone(),
                phone: self.clinic.phone.clone(),
                language: self.clinic.language.clone(),
                time_zone: self.clinic.time_zone,
                region: self.clinic.country.clone(),
            },
            guard: service::Guard {
                quiet_hours: self.guard.quiet_hours,
                high_priority_may_disturb: self.guard.high_priority_may_disturb,
                may_disturb_types: self.guard.may_disturb.clone(),
                countries: self.guard.countries.clone(),
            },
            senders: self.senders(),
            public_url: self.server.public_url.clone(),
            test_url: None,
            requests_per_minute: self.server.requests_per_minute,
            price_per_segment_micros: self.twilio.price_per_segment,
            currency: self.twilio.currency.clone(),
            opt_out_answers: self.twilio.opt_out_answers,
            cancel_is_opt_out: self.twilio.cancel_is_opt_out,
            poll: POLL,
            permits: service::Permits {
                otp: self.lanes.otp,
                urgent: self.lanes.urgent,
                normal: self.lanes.normal,
                bulk: self.lanes.bulk,
            },
            retention: service::Retention {
                variables: self.retention.variables,
                texts: self.retention.texts,
                phones: self.retention.phones,
                decisions: self.retention.decisions,
                messages: self.retention.messages,
                counts: self.retention.counts,
            },
            otp: self.otp.settings(self.clinic.country.as_deref(), &self.guard.countries),
            budget: service::Budget {
                fuses: self.budget.fuses(),
                trial_credit_micros: self.twilio.trial.then_some(self.twilio.trial_credit),
            },
            links: service::LinkSettings {
                base_url: self.links.base_url.clone().or_else(|| self.server.public_url.clone()),
                hosts: crate::domain::link::Hosts(self.links.hosts.clone()),
                expires_after: self.links.expires_after,
                record_opens: self.links.record_opens,
            },
            webhooks: service::WebhookSettings {
                allow_networks: self.webhooks.allow_networks.clone(),
                keep: self.webhooks.keep,
            },
            sign_in: self.jwt.settings(),
            patience: service::Patience::default(),
            crash: crate::crash::Crash::default(),
        }
    }
}
