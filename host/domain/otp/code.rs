//! The code itself. It is stored nowhere: whoever has the key derives it again, whenever it is needed.

use super::super::id::ChallengeId;
use super::super::secret::Secret;
use super::Purpose;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// What a code belongs to. Change any of it and the code is another one.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    /// The challenge.
    pub challenge: ChallengeId,
    /// Names the key.
    pub key_id: &'a str,
    /// Random, for this challenge alone.
    pub nonce: &'a [u8; 16],
    /// Keyed hash of the phone.
    pub phone_hash: &'a [u8],
    /// What it opens.
    pub purpose: &'a Purpose,
}

/// The code of a challenge: HMAC-SHA-256 of all that it belongs to, reduced to decimal digits by rejection
/// sampling, so that each of the 10^`digits` codes is as likely as every other (NIST SP 800-63B, 3.1.3.3:
/// at least six random decimal digits, and few tries because they are so few; ASVS 5, 6.5). Zero padded.
#[must_use]
pub fn derive(key: &[u8; 32], binding: &Binding<'_>, digits: u8) -> Secret {
    let width = usize::from(digits.clamp(1, 18));
    let codes = 10_u64.pow(u32::from(digits.clamp(1, 18)));
    let numbers = (0_u32..).flat_map(|round| {
        let block = block(key, binding, digits, round);
        let numbers: Vec<u64> = block
            .chunks_exact(8)
            .map(|bytes| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
            .collect();
        numbers
    });
    let number = reduce(numbers, codes).unwrap_or_default();
    Secret::new(format!("{number:0width$}"))
}

/// The first number that is fair to all `codes`, reduced to one of them. Above the largest multiple of `codes` that
/// 64 bits hold, small codes would come more often.
fn reduce(numbers: impl IntoIterator<Item = u64>, codes: u64) -> Option<u64> {
    let fair = (1_u128 << 64) / u128::from(codes) * u128::from(codes);
    numbers.into_iter().find(|number| u128::from(*number) < fair).map(|number| number % codes)
}

/// Every part with its length before it: no two bindings read alike.
fn block(key: &[u8; 32], binding: &Binding<'_>, digits: u8, round: u32) -> [u8; 32] {
    let mut padded = hmac::digest::Key::<Hmac<Sha256>>::default();
    padded[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&padded);
    let parts: [&[u8]; 8] = [
        b"tidings one-time code",
        binding.key_id.as_bytes(),
        binding.challenge.0.as_bytes(),
        binding.nonce,
        binding.phone_hash,
        binding.purpose.as_str().as_bytes(),
        &[digits],
        &round.to_be_bytes(),
    ];
    for part in parts {
        mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Compares in a time that tells nothing of where two codes differ.
#[must_use]
pub fn is_same(expected: &Secret, given: &Secret) -> bool {
    expected.expose().as_bytes().ct_eq(given.expose().as_bytes()).into()
}

/// A code as people type it: spaces and hyphens are left out, and the digits of other scripts are read
/// as what they are.
#[must_use]
pub fn typed(text: &str) -> Secret {
    // The zeros of Arabic, Persian, Devanagari, Bengali and of full width.
    const ZEROS: [char; 5] = ['\u{660}', '\u{6f0}', '\u{966}', '\u{9e6}', '\u{ff10}'];
    let latin = |c: char| {
        let digit = ZEROS.iter().find_map(|zero| {
            u32::from(c).checked_sub(u32::from(*zero)).and_then(|digit| char::from_digit(digit, 10))
        });
        digit.unwrap_or(c)
    };
    let kept = text.chars().filter(|c| !c.is_whitespace() && *c != '-' && *c != '\u{2011}');
    Secret::new(kept.map(latin).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn purpose() -> Purpose {
        Purpose::parse("LOGIN").unwrap()
    }

    #[test]
    fn a_code_is_the_same_in_every_version_of_this_program() {
        let purpose = purpose();
        let binding = Binding {
            challenge: ChallengeId(uuid::Uuid::from_u128(7)),
            key_id: "k1",
            nonce: &[3; 16],
            phone_hash: &[5; 32],
            purpose: &purpose,
        };
        // A host that is upgraded in the middle of a challenge must not refuse its code.
        assert_eq!(derive(&[1; 32], &binding, 6).expose(), "895871");
    }

    #[test]
    fn a_number_that_would_favour_small_codes_is_passed_over() {
        let codes = 1_000_000;
        assert_eq!(reduce([u64::MAX, 5], codes), Some(5));
        // 2^64 = 18,446,744,073,709 * 10^6 + 551,616.
        let first_unfair = 18_446_744_073_709_000_000;
        assert_eq!(reduce([first_unfair - 1, 5], codes), Some(999_999));
        assert_eq!(reduce([first_unfair, 5], codes), Some(5));
        assert_eq!(
            reduce([u64::MAX], 1 << 32),
            Some(u64::from(u32::MAX)),
            "where it divides evenly, all are fair"
        );
        assert_eq!(reduce([], codes), None);
    }

    #[test]
    fn every_digit_is_as_likely_as_every_other_in_every_place() {
        let purpose = purpose();
        let mut counts = [[0_u32; 10]; 6];
        for number in 0..20_000_u128 {
            let binding = Binding {
                challenge: ChallengeId(uuid::Uuid::from_u128(number)),
                key_id: "k1",
                nonce: &[0; 16],
                phone_hash: &[],
                purpose: &purpose,
            };
            for (place, byte) in derive(&[1; 32], &binding, 6).expose().bytes().enumerate() {
                counts[place][usize::from(byte - b'0')] += 1;
            }
        }
        // Chi squared with 9 degrees of freedom: above 33.7 once in ten thousand fair draws.
        for count in counts {
            let chi: f64 = count.iter().map(|n| (f64::from(*n) - 2000.0).powi(2) / 2000.0).sum();
            assert!(chi < 33.7, "{count:?}");
        }
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        for text in ["482913", " 482 913 ", "482-913", "٤٨٢٩١٣", "۴۸۲۹۱۳", "४८२९१३", "৪৮২৯১৩", "４８２９１３"]
        {
            assert!(is_same(&Secret::new("482913"), &typed(text)), "{text}");
        }
        for text in ["", "482914", "48291", "4829130", "482913x"] {
            assert!(!is_same(&Secret::new("482913"), &typed(text)), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_code_has_its_digits_and_depends_on_all_that_it_belongs_to(
            key in any::<[u8; 32]>(),
            other_key in any::<[u8; 32]>(),
            nonce in any::<[u8; 16]>(),
            id in any::<u128>(),
            digits in 4_u8..=10,
        ) {
            let (login, mfa) = (purpose(), Purpose::parse("MFA").unwrap());
            let binding = Binding {
                challenge: ChallengeId(uuid::Uuid::from_u128(id)),
                key_id: "k1",
                nonce: &nonce,
                phone_hash: &[1; 32],
                purpose: &login,
            };
            let code = derive(&key, &binding, digits);
            prop_assert_eq!(code.expose().len(), usize::from(digits));
            prop_assert!(code.expose().bytes().all(|b| b.is_ascii_digit()));
            prop_assert!(is_same(&code, &derive(&key, &binding, digits)));
            // The blocks behind two codes differ; codes of few digits may meet by chance.
            let changed = [
                Binding { challenge: ChallengeId(uuid::Uuid::from_u128(!id)), ..binding },
                Binding { key_id: "k2", ..binding },
                Binding { nonce: &nonce.map(|b| !b), ..binding },
                Binding { phone_hash: &[2; 32], ..binding },
                Binding { purpose: &mfa, ..binding },
            ];
            let own = block(&key, &binding, digits, 0);
            for other in changed {
                prop_assert_ne!(own, block(&key, &other, digits, 0));
            }
            prop_assert_ne!(own, block(&key, &binding, digits + 1, 0));
            prop_assert_ne!(own, block(&key, &binding, digits, 1));
            prop_assume!(key != other_key);
            prop_assert_ne!(own, block(&other_key, &binding, digits, 0));
        }
    }
}
