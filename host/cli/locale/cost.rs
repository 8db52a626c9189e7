//! `tidings locale cost`: what each text costs in each language, over its samples and a year.

use super::known;
use crate::cli::CliError;
use crate::config::Config;
use crate::render::{Catalogue, Cost as TypeCost};
use clap::Args;

#[derive(Args)]
pub(in crate::cli) struct Cost {
    /// One language; all of them when left out.
    #[arg(long)]
    locale: Option<String>,
    /// The price of one segment, in millionths; that of the configuration when left out.
    #[arg(long, value_name = "PRICE", value_parser = millionths)]
    price: Option<i64>,
    /// One object for machines.
    #[arg(long)]
    json: bool,
}

/// `0.0075` as 7500.
fn millionths(text: &str) -> Result<i64, String> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 6 || whole.len() + fraction.len() == 0 {
        return Err("expected a price such as 0.0075".to_owned());
    }
    format!("{whole}{fraction:0<6}").parse().map_err(|_| "that price is too high".to_owned())
}

impl Cost {
    pub(super) fn run(self, catalogue: &Catalogue, config: &Config) -> Result<(), CliError> {
        let locales: Vec<&str> = match &self.locale {
            None => catalogue.locales().collect(),
            Some(tag) => vec![known(catalogue, tag)?],
        };
        let price = self.price.unwrap_or(config.twilio.price_per_segment);
        let currency = &config.twilio.currency;
        let mut rows: Vec<Row<'_>> = Vec::new();
        for kind in catalogue.kinds() {
            let cells: Vec<_> =
                locales.iter().map(|locale| (*locale, catalogue.cost(&kind.name, locale))).collect();
            rows.push((kind.name.to_string(), cells));
        }
        if self.json {
            let types: serde_json::Map<_, _> = rows
                .iter()
                .map(|(kind, cells)| {
                    let cells: serde_json::Map<_, _> = cells
                        .iter()
                        .filter_map(|(locale, cost)| {
                            let cost = cost.as_ref()?;
                            let cell = serde_json::json!({
                                "least": cost.least, "usual": cost.usual, "most": cost.most,
                                "usual_price_micros": i64::from(cost.usual) * price,
                            });
                            Some(((*locale).to_owned(), cell))
                        })
                        .collect();
                    (kind.clone(), cells.into())
                })
                .collect();
            println!(
                "{:#}",
                serde_json::json!({"currency": currency, "segment_micros": price, "types": types})
            );
            return Ok(());
        }
        println!(
            "Segments over a year of dates and all samples: the usual number, and the range where there is one.\n"
        );
        print_table(&locales, &rows, |cost| {
            if cost.least == cost.most {
                cost.usual.to_string()
            } else {
                format!("{} ({}-{})", cost.usual, cost.least, cost.most)
            }
        });
        println!("\nA thousand texts of each, at {} {currency} a segment:\n", amount(price, 4));
        print_table(&locales, &rows, |cost| amount(1000 * price * i64::from(cost.usual), 2));
        Ok(())
    }
}

/// A type, and what it costs in each language that has it.
type Row<'a> = (String, Vec<(&'a str, Option<TypeCost>)>);

/// A line for each type, a column for each language.
fn print_table(locales: &[&str], rows: &[Row<'_>], cell: impl Fn(&TypeCost) -> String) {
    print!("{:<26}", "");
    for locale in locales {
        print!("{locale:>10}");
    }
    println!();
    for (kind, cells) in rows {
        print!("{kind:<26}");
        for (_, cost) in cells {
            print!("{:>10}", cost.as_ref().map_or("-".to_owned(), &cell));
        }
        println!();
    }
}

/// Millionths as an amount with so many decimals.
fn amount(micros: i64, decimals: usize) -> String {
    let fraction = format!("{:06}", micros % 1_000_000);
    format!("{}.{}", micros / 1_000_000, &fraction[..decimals])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_read_to_the_last_digit_and_written_back() {
        assert_eq!(millionths("0.0075"), Ok(7500));
        assert_eq!(millionths("1"), Ok(1_000_000));
        assert!(millionths("a lot").is_err() && millionths("0.00000001").is_err() && millionths("").is_err());
        assert_eq!(amount(7_500, 4), "0.0075");
        assert_eq!(amount(1000 * 7_500 * 2, 2), "15.00");
    }
}
