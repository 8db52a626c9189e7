//! Plural categories: which of them a language has, by Fluent's own rules, and what they stand for.

use super::super::fault::Fault;
use super::super::ftl::FtlFile;
use super::super::locale::Locale;
use super::content::is_certain;
use super::reading::Dictionary;
use super::{messages, texts, variant_name};
use fluent_bundle::{FluentArgs, FluentBundle, FluentResource};
use fluent_syntax::ast::{Expression, InlineExpression, Pattern, PatternElement, Variant, VariantKey};
use std::collections::BTreeMap;

const CATEGORIES: [&str; 6] = ["zero", "one", "two", "few", "many", "other"];

/// A message that answers with its category.
const QUESTION: &str = "category = { $n ->\n [zero] zero\n [one] one\n [two] two\n [few] few\n [many] many\n *[other] other\n }\n";

/// The whole numbers of each category, as far as texts count.
type Numbers = BTreeMap<String, Vec<u32>>;

/// Variants that a language does not have, lacks, or uses for more than they say.
pub(super) fn check(locale: &Locale) -> Vec<Fault> {
    let mut found = Vec::new();
    let mut numbers: Option<Numbers> = None;
    for file in &locale.files {
        for value in messages(file).filter_map(|message| message.value.as_ref()) {
            for element in &value.elements {
                if let PatternElement::Placeable { expression: Expression::Select { selector, variants } } =
                    element
                {
                    let numbers = numbers.get_or_insert_with(|| categories(&locale.tag));
                    found.extend(variants_of(file, &locale.tag, selector, variants, numbers));
                }
            }
        }
    }
    found
}

fn variants_of(
    file: &FtlFile,
    tag: &str,
    selector: &InlineExpression<&str>,
    variants: &[Variant<&str>],
    numbers: &Numbers,
) -> Vec<Fault> {
    let mut found = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for variant in variants {
        let name = variant_name(&variant.key);
        if seen.contains(&name) {
            found.push(
                file.fault(name, format!("[{name}] is there twice; the first one is used")).warn("variant"),
            );
        }
        seen.push(name);
        if matches!(variant.key, VariantKey::NumberLiteral { .. }) {
            continue;
        }
        if !CATEGORIES.contains(&name) {
            let text = format!("[{name}] is no plural category; there are {}", CATEGORIES.join(", "));
            found.push(file.fault(name, text).warn("plural"));
        } else if !numbers.contains_key(name) && !variant.default {
            let has: Vec<&str> = numbers.keys().map(String::as_str).collect();
            let text = format!("`{tag}` never counts with [{name}]; it has {}", has.join(", "));
            found.push(file.fault(name, text).warn("plural"));
        }
        let says_it = says(selector, &variant.value);
        if let Some(several) = numbers.get(name).filter(|numbers| numbers.len() > 1 && !variant.default)
            && !says_it
        {
            let text = format!("[{name}] stands for {} in `{tag}`: say the number in it", examples(several));
            found.push(file.fault(name, text).warn("plural"));
        }
    }
    let default = variants.iter().find(|variant| variant.default).map(|variant| variant_name(&variant.key));
    let counts = seen.iter().any(|name| CATEGORIES.contains(name) && Some(*name) != default);
    for (name, several) in numbers.iter().filter(|(name, _)| counts && !seen.contains(&name.as_str())) {
        let at = seen.first().copied().unwrap_or_default();
        let text = format!(
            "[{name}] is missing; {} would be said as [{}]",
            examples(several),
            default.unwrap_or("other")
        );
        found.push(file.fault(at, text).warn("plural"));
    }
    found
}

/// Whether a variant says the number that chose it.
fn says(selector: &InlineExpression<&str>, pattern: &Pattern<&str>) -> bool {
    let name = match selector {
        InlineExpression::VariableReference { id } => id.name,
        InlineExpression::FunctionReference { arguments, .. } => match arguments.positional.first() {
            Some(InlineExpression::VariableReference { id }) => id.name,
            _ => return true,
        },
        _ => return true,
    };
    is_certain(pattern, name, &Dictionary::of(&[]))
        || texts(pattern).iter().all(|text| text.trim().is_empty())
}

fn examples(numbers: &[u32]) -> String {
    let first: Vec<String> = numbers.iter().take(4).map(u32::to_string).collect();
    let more = if numbers.len() > 4 { " …" } else { "" };
    format!("{}{more}", first.join(", "))
}

/// Asks Fluent itself, whose rules are older than ICU's and are the ones that choose.
fn categories(tag: &str) -> Numbers {
    let mut numbers = Numbers::new();
    let Ok(question) = FluentResource::try_new(QUESTION.to_owned()) else { return numbers };
    let mut bundle = FluentBundle::new(vec![tag.parse().unwrap_or_default()]);
    if bundle.add_resource(question).is_err() {
        return numbers;
    }
    let Some(pattern) = bundle.get_message("category").and_then(|message| message.value()) else {
        return numbers;
    };
    for number in (0..=120).chain([1000]) {
        let mut arguments = FluentArgs::new();
        arguments.set("n", number);
        let category = bundle.format_pattern(pattern, Some(&arguments), &mut Vec::new()).into_owned();
        numbers.entry(category).or_default().push(number);
    }
    numbers
}
