//! Rendering, and reading all locales again.

use chrono_tz::Tz;
use fluent_bundle::FluentResource;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::time::Instant;
use tidings::domain::kind::TypeName;
use tidings::domain::policy::Discretion;
use tidings::domain::value::{Money, Value};
use tidings::render::{Catalogue, Links, RenderRequest, RenderSettings, Renderer};

const RENDERS: u32 = 20_000;
const LOADS: u32 = 100;

const TYPE: &str = r#"
description = "Four sentences with a day, a time, an amount and a plural."
priority = "high"
scope = "bench"
[variables.clinic]
type = "text"
required = true
[variables.at]
type = "time"
required = true
[variables.minutes]
type = "number"
required = true
[variables.amount]
type = "money"
required = true
"#;

const TEMPLATE: &str = "{{ t(\"visit\", clinic=clinic, at=at) }}{{ sp }}{{ t(\"early\", minutes=minutes) }}\
    {{ sp }}{{ t(\"bring\", amount=amount) }}{{ sp }}{{ t(\"optout\") }}";

const WORDS: &str = "visit = { $clinic }: you have a visit on { DATETIME($at, style: \"day\") } at { DATETIME($at, style: \"time\") }.\n\
    early = { $minutes ->\n  [one] Come { $minutes } minute early.\n *[other] Come { $minutes } minutes early.\n }\n\
    bring = Bring { $amount }.\noptout = Reply STOP to opt out.\n";

pub(crate) fn print() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let settings = RenderSettings { clinic_region: Some("US".to_owned()), ..RenderSettings::default() };
    let home = std::env::temp_dir().join(format!("tidings-bench-words-{}", std::process::id()));
    for (file, text) in
        [("templates/visit.toml", TYPE), ("templates/visit.j2", TEMPLATE), ("locales/en/visit.ftl", WORDS)]
    {
        let path = home.join(file);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a place for files");
        std::fs::write(path, text).expect("a place for files");
    }
    let catalogue = Renderer::load(&home, &settings).expect("a sound home").snapshot();
    let variables = BTreeMap::from([
        ("clinic".to_owned(), Value::Text("Lakeside Clinic".to_owned())),
        ("at".to_owned(), Value::Time("2026-03-07T19:30:00Z".parse().expect("a moment"))),
        ("minutes".to_owned(), Value::Number(15)),
        ("amount".to_owned(), Value::Money(Money { amount: "25.50".to_owned(), currency: "USD".to_owned() })),
    ]);
    renders(&catalogue, &variables, 1);
    for threads in [1, 2] {
        let began = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| renders(&catalogue, &variables, RENDERS));
            }
        });
        let took = began.elapsed();
        let per_second = f64::from(threads * RENDERS) / took.as_secs_f64();
        let each = took.as_secs_f64() * 1e6 / f64::from(RENDERS);
        println!("renders, {threads} thread(s)           {per_second:>8.0} a second, {each:.1} us each");
    }

    locales(&home, &settings);
    println!("reading all again after an edit {:>7.0} us", reload(&home.join("house"), &settings));
    let catalogue = Renderer::load(repository, &settings).expect("a sound home").snapshot();
    let began = Instant::now();
    let findings = catalogue.report(None).len();
    println!("linting all, a year of dates   {:>8} ms, {findings} findings", began.elapsed().as_millis());
    std::fs::remove_dir_all(home).ok();
}

/// Reading all locales, and what of it one costs: from its files to what texts are written with, and its end.
/// Fluent's part and that of the files are measured by themselves, and the formatters by locales that have
/// nothing else; what is left are the rules, and to put it all together.
fn locales(home: &Path, settings: &RenderSettings) {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tags: Vec<String> = {
        let catalogue = Renderer::load(repository, settings).expect("a sound home").snapshot();
        catalogue.locales().filter(|tag| *tag != "en").map(str::to_owned).collect()
    };
    let (english, bare) = (home.join("english"), home.join("bare"));
    for home in [&english, &bare] {
        super::host::copy(&repository.join("templates"), &home.join("templates"));
        super::host::copy(&repository.join("locales/en"), &home.join("locales/en"));
    }
    for tag in &tags {
        let folder = bare.join("locales").join(tag);
        std::fs::create_dir_all(&folder).expect("a place for files");
        std::fs::write(folder.join("common.ftl"), "one = 1\n").expect("a place for files");
    }
    let load = |home: &Path| drop(Renderer::load(home, settings).expect("a sound home"));
    let reads = |home: &Path| {
        // As the host does: one after the other into one buffer.
        let mut buffer = Vec::new();
        for tag in &tags {
            drop(texts(&home.join("locales").join(tag), &mut buffer));
        }
    };
    let sources: Vec<String> =
        tags.iter().flat_map(|tag| texts(&repository.join("locales").join(tag), &mut Vec::new())).collect();
    let [all, one, least, files, file, parse] = medians([
        &|| load(repository),
        &|| load(&english),
        &|| load(&bare),
        &|| reads(repository),
        &|| reads(&bare),
        &|| sources.iter().for_each(|text| drop(FluentResource::try_new(text.clone()))),
    ]);
    let others = f64::from(u32::try_from(tags.len()).unwrap_or(1));
    let each = |took: f64| took / others;
    let (more, formatters) = (each(all - one), each(least - one - file));
    let (files, parse) = (each(files), each(parse));
    let loading = files + parse + formatters;
    println!(
        "reading all {} locales           {all:>8.0} us, with templates and rehearsal {one:.0} us of it",
        tags.len() + 1
    );
    println!(
        "reading one locale more        {more:>8.0} us: {loading:.0} to load it ({files:.0} its files, {parse:.0} \
         Fluent's parser, {formatters:.0} formatters), {:.0} the rules and the rest",
        more - loading
    );
}

/// How long each takes, in microseconds: the middle of many times, taken in turns.
fn medians<const N: usize>(works: [&dyn Fn(); N]) -> [f64; N] {
    let mut times = [const { Vec::new() }; N];
    for _ in 0..LOADS {
        for (work, times) in works.iter().zip(&mut times) {
            let began = Instant::now();
            work();
            times.push(began.elapsed().as_secs_f64() * 1e6);
        }
    }
    times.map(|mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    })
}

/// What stands in the files of a folder.
fn texts(folder: &Path, buffer: &mut Vec<u8>) -> Vec<String> {
    let mut text = |path: &Path| {
        buffer.clear();
        let file = std::fs::File::open(path).expect("a file");
        file.take(u64::MAX).read_to_end(buffer).expect("a file");
        std::str::from_utf8(buffer).expect("text").to_owned()
    };
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries.map(|entry| text(&entry.expect("a file").path())).collect()
}

/// What a running host does when a comment was added to each language.
fn reload(house: &Path, settings: &RenderSettings) -> f64 {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    super::host::copy(&repository.join("templates"), &house.join("templates"));
    super::host::copy(&repository.join("locales"), &house.join("locales"));
    let renderer = Renderer::load(house, settings).expect("a sound home");
    let tags: Vec<String> = renderer.snapshot().locales().map(str::to_owned).collect();
    let mut took = 0.0;
    for nth in 0..LOADS {
        for tag in &tags {
            let file = house.join("locales").join(tag).join("common.ftl");
            let text = std::fs::read_to_string(&file).expect("a file");
            std::fs::write(&file, format!("{text}# {nth}\n")).expect("a place for files");
        }
        let began = Instant::now();
        let catalogue = renderer.reload().expect("a sound home").expect("an edit");
        took += began.elapsed().as_secs_f64();
        assert!(catalogue.faults().is_empty());
    }
    took * 1e6 / f64::from(LOADS)
}

fn renders(catalogue: &Catalogue, variables: &BTreeMap<String, Value>, times: u32) {
    let kind = TypeName::from("visit");
    for _ in 0..times {
        let rendered = catalogue.render(&RenderRequest {
            kind: &kind,
            language: "en",
            time_zone: Tz::America__New_York,
            discretion: Discretion::Standard,
            variables,
            redact_secrets: false,
            links: Links::StandIn,
        });
        assert!(rendered.is_ok_and(|rendered| rendered.segments.parts == 1));
    }
}
