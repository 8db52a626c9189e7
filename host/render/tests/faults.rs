//! Faults in files: all of them, each where it is, and none that hurts a good file.

use super::*;

#[test]
fn words_in_a_template_are_refused_where_they_stand() {
    let faults = Home::new()
        .with("templates/visit.j2", "{{ t(\"visit\", name=name, at=at) }}\n  Bye {{ name }}")
        .faults();
    assert_eq!((faults[0].file.as_str(), faults[0].line, faults[0].column), ("templates/visit.j2", 2, 3));
    for literal in ["{{ \"Bye\" }}", "{% set x = 'Bye' %}{{ x }}", "{% raw %}x{% endraw %}", "{{ t(name) }}"]
    {
        let template = format!("{{{{ t(\"visit\", name=name, at=at) }}}}{literal}");
        assert!(!Home::new().with("templates/visit.j2", template).faults().is_empty(), "{literal}");
    }
}

#[test]
fn a_template_cannot_use_what_its_type_does_not_declare() {
    let template = "{{ t(\"visit\", name=name, at=at) }}{% if nmae %}{{ sp }}{% endif %}";
    let fault = Home::new().with("templates/visit.j2", template).faults().remove(0);
    assert_eq!((fault.line, fault.column), (1, 41));
    assert!(fault.message.contains("`nmae` is not declared in visit.toml"), "{fault}");
}

#[test]
fn a_code_that_cannot_be_bound_to_the_clinics_domain_is_refused() {
    let declared = "[variables.domain]\ntype = \"domain\"\n";
    let home = |variables: &str, template: &str| {
        let otp = VISIT.replace("scope = \"tests\"", "scope = \"tests\"\nlane = \"otp\"");
        Home::new()
            .with("templates/visit.toml", format!("{otp}{variables}"))
            .with("templates/visit.j2", format!("{{{{ t(\"visit\", name=name, at=at) }}}}{template}"))
    };
    let bound = RenderSettings { own: Some(own("clinic.example")), ..american() };
    let faults = |home: &Home| match Renderer::load(&home.0, &bound) {
        Err(RenderLoadError::Faults(faults)) => faults.to_string(),
        other => format!("{other:?}"),
    };
    let last = "{% if domain and code %}\n@{{ domain }} #{{ code }}{% endif %}";
    assert!(faults(&home("", "")).starts_with("templates/visit.toml: `otp.domain` is set"));
    assert!(faults(&home(declared, "")).contains("the last line must be `@`"));
    assert!(
        faults(&home(declared, &format!("{last}{{{{ sp }}}}{{{{ t(\"visit\", name=name, at=at) }}}}")))
            .contains("the last line")
    );
    assert!(Renderer::load(&home(declared, last).0, &bound).is_ok());
    // A clinic without a domain need not know of it.
    assert!(Renderer::load(&home("", "").0, &american()).is_ok());
}

#[test]
fn a_syntax_error_in_a_template_has_a_place() {
    let fault =
        Home::new().with("templates/visit.j2", "{% if name %}\n{{ t(\"visit\" name) }}").faults().remove(0);
    assert_eq!(fault.line, 2, "{fault}");
    assert!(fault.to_string().contains('^'));
}

#[test]
fn a_key_that_english_lacks_is_shown_in_the_template() {
    let fault = Home::new().with("templates/visit.j2", "{{ t(\"vist\") }}").faults().remove(0);
    assert_eq!(
        fault.to_string(),
        "templates/visit.j2:1:6: locales/en has no message `vist`\n  1 | {{ t(\"vist\") }}\n    |      ^"
    );
}

#[test]
fn all_faults_are_reported_at_once() {
    let faults = Home::new()
        .with("templates/visit.j2", "Hi {{ t(\"visit\", name=name, at=at) }}")
        .with("templates/other.toml", "description = 7")
        .with("templates/lonely.j2", "{{ t(\"visit\") }}")
        .with("locales/en/more.ftl", "a = {\nvisit = Twice\nb = { $x")
        .faults();
    let files: Vec<&str> = faults.iter().map(|fault| fault.file.as_str()).collect();
    for file in ["templates/visit.j2", "templates/other.toml", "templates/lonely.j2", "locales/en/more.ftl"] {
        assert!(files.contains(&file), "{file}: {}", Faults(faults.clone()));
    }
}

#[test]
fn a_key_defined_twice_names_both_places() {
    let fault = Home::new().with("locales/en/z.ftl", "\nvisit = Again").faults().remove(0);
    assert_eq!((fault.file.as_str(), fault.line), ("locales/en/z.ftl", 2));
    assert_eq!(fault.message, "`visit` is there already, in locales/en/visits.ftl:1");
    // Fluent would look for the one, find the other, and print neither.
    let fault = Home::new().with("locales/en/z.ftl", "\n-visit = Again").faults().remove(0);
    assert!(fault.message.ends_with("a message and a term cannot have the same name"), "{fault}");
}

#[test]
fn a_long_chain_of_names_is_no_circle_and_keeps_nobody_waiting() {
    let link = |nth: usize| format!("a{nth} = {{ a{} }}\n", nth + 1);
    let chain: String = (0..2_000).map(link).chain(["a2000 = Fin.\n".to_owned()]).collect();
    let home = Home::new().with("locales/es/chain.ftl", chain);
    assert!(home.load().snapshot().faults().is_empty());
}

#[test]
fn a_bad_file_in_another_language_is_left_out_and_reported() {
    let home = Home::new()
        .with("locales/es/visits.ftl", "visit = Hola { $name }, { DATETIME($at, style: \"date\") }.")
        .with("locales/es/broken.ftl", "a = Hola { $name\n")
        .with("locales/fr/visits.ftl", "visit = Salut { $nom }.")
        .with("locales/klingon/visits.ftl", "visit = nuqneH")
        .with("locales/de/visits.ftl", b"\xFF\xFEv\0");
    let catalogue = home.load().snapshot();
    assert_eq!(Ask::new("visit", "es").of(&catalogue, &ana()).unwrap().text, "Hola Ana, 7 mar.");
    assert_eq!(Ask::new("visit", "fr").of(&catalogue, &ana()).unwrap().locale_sent, "en");
    let reported = Faults(catalogue.faults().to_vec()).to_string();
    for part in [
        "es/broken.ftl:1:17",
        "`}`",
        "fr/visits.ftl:1:18",
        "$nom does not exist",
        "locales/klingon",
        "UTF-16",
    ] {
        assert!(reported.contains(part), "{part}:\n{reported}");
    }
}

#[test]
fn a_format_says_nothing_but_formats() {
    for (formats, word) in [
        ("weekday-saturday = x", "is not known here"),
        ("pattern-day = { $year }", "there is no $year"),
        ("weekday-sat = { $day }", "is a word"),
        ("money-usd = { NUMBER($amount) }", "only"),
        ("pattern-day = { $day } de { $month }", "must say { $weekday }"),
        ("pattern-date = { $month }", "must say { $day }"),
        ("money-usd = USD", "must say { $amount }"),
        ("money-other = { $amount }", "must say { $currency }"),
        ("money-usd = $amount", "a variable is written { $name }"),
        ("money-usd = { $amount } clinica.com", "addresses come from the template"),
        ("month-aug = ago\nmonth-aug = agosto", "`month-aug` is there already"),
        ("month-mar = { \"\" }", "a word was expected"),
        ("weekday-sat = { \" \" }", "a word was expected"),
        ("sp = { \" \" }\n .x = y", "no attributes"),
        ("sp = \" \"", "what stands between two sentences is { \" \" }"),
        ("sp = espacio", "what stands between two sentences is { \" \" }"),
        ("month-mar = mar\nmonth-may = mar", "another one is called `mar` already"),
        ("weekday-tue = mar\nweekday-wed = mar", "another one is called `mar` already"),
        ("month-mar =\n    # allow: dear-letter\n    mar", "this would be sent: a comment begins"),
        ("-word = x", "no terms"),
    ] {
        let fault = Home::new().with("locales/en/formats.ftl", formats).faults().remove(0);
        assert!(fault.message.contains(word), "{fault}");
    }
    for (words, word) in [
        ("stop = basta\nstop = alto", "`stop` is there already"),
        ("stop = basta, clinica.com", "addresses come from the template"),
        ("stop = basta\n .x = y", "no attributes"),
        ("-word = x", "no terms"),
    ] {
        let fault = Home::new().with("locales/en/keywords.ftl", words).faults().remove(0);
        assert!(fault.message.contains(word), "{fault}");
    }
    // Between sentences there may be nothing; a day may be called as a month is; and money has signs of its own.
    for formats in [
        "sp = { \"\" }",
        "weekday-tue = mar\nmonth-mar = mar",
        "money-usd = { $amount } $US",
        "money-cad = { $amount } $CA (10 %(IVA incluido))",
    ] {
        Home::new().with("locales/en/formats.ftl", formats).load();
    }
}

#[test]
fn no_day_or_month_is_called_as_another_one_that_only_icu_names() {
    let visit = "visit = Hola { $name }, { DATETIME($at, style: \"day\") }.";
    let home = |formats: &str| {
        Home::new().with("locales/es/visits.ftl", visit).with("locales/es/formats.ftl", formats)
    };
    for (formats, line, word) in [
        ("sp = { \" \" }\nmonth-apr = mar", 2, "another one is called `mar` already"),
        ("month-sep = nov", 1, "another one is called `nov` already"),
        ("weekday-tue = jue", 1, "another one is called `jue` already"),
        ("weekday-sun = Jue.", 1, "another one is called `Jue.` already"),
        ("month-dec = x\nmonth-jan = x", 1, "another one is called `x` already"),
    ] {
        let catalogue = home(formats).load().snapshot();
        let [fault] = catalogue.faults() else { panic!("{formats}: {:?}", catalogue.faults()) };
        let place = (fault.file.as_str(), fault.line, fault.rule);
        assert_eq!(place, ("locales/es/formats.ftl", line, "format"), "{formats}: {fault}");
        assert!(fault.message.contains(word), "{fault}");
        // Without the word, the text is as ICU writes it.
        assert_eq!(Ask::new("visit", "es").of(&catalogue, &ana()).unwrap().text, "Hola Ana, sáb, 7 de mar.");
    }
    // ICU writes a month in one way beside a weekday, "7/03", and in another one without, "7 mar.".
    for formats in ["month-apr = 03", "month-apr = mar"] {
        let home = Home::new().with("locales/pt-PT/formats.ftl", formats);
        let catalogue = home.with("locales/pt-PT/visits.ftl", visit).load().snapshot();
        assert_eq!(super::lint::rules(catalogue.faults()), ["format"], "{formats}: {:?}", catalogue.faults());
    }
    // A word that takes the place of the other one is the only one of its name.
    for formats in [
        "month-apr = mar\nmonth-mar = marzo",
        "weekday-sat = sab\nmonth-mar = marzo",
        "weekday-tue = mar\nmonth-mar = mar",
        "month-mar = mar",
    ] {
        let catalogue = home(formats).load().snapshot();
        assert!(catalogue.faults().is_empty(), "{formats}: {:?}", catalogue.faults());
    }
}

#[test]
fn a_fault_of_a_locales_folder_is_told_to_who_asks_about_this_locale() {
    let home = Home::new().with("locales/not a language/visits.ftl", "visit = Hi.");
    let report = home.load().snapshot().report(Some("not a language"));
    assert_eq!(report.len(), 1, "{report:?}");
    assert_eq!((report[0].file.as_str(), report[0].rule), ("locales/not a language", "language-tag"));
    assert!(home.load().snapshot().report(Some("not")).is_empty());
}

#[test]
fn settings_that_name_nothing_are_refused() {
    let home = Home::new();
    for settings in [
        RenderSettings { default_language: "bn".to_owned(), ..american() },
        RenderSettings { clinic_region: Some("America".to_owned()), ..american() },
    ] {
        assert!(matches!(Renderer::load(&home.0, &settings), Err(RenderLoadError::Setting(_))));
    }
    let nowhere = Renderer::load(&home.0.join("nowhere"), &american()).unwrap_err();
    assert!(matches!(nowhere, RenderLoadError::Folder { .. }));
}

#[test]
fn no_file_is_nested_so_deeply_that_it_ends_the_process() {
    let deep = format!("{{{{ {} }}}}", "(".repeat(20_000));
    assert!(!Home::new().with("templates/visit.j2", deep).faults().is_empty());
    let deep = format!("a = {}", "[".repeat(20_000));
    assert!(!Home::new().with("templates/visit.toml", deep).faults().is_empty());
    let deep = format!("visit = {}", "{".repeat(20_000));
    assert!(!Home::new().with("locales/en/visits.ftl", deep).faults().is_empty());
}

#[test]
fn a_comment_below_its_key_is_no_line_of_the_text() {
    let text =
        |line: &str| format!("visit =\n    {line}\n    Hi {{ $name }}, {{ DATETIME($at, style: \"day\") }}.");
    for line in ["# allow: plural", "## Visits", "### Reviewed"] {
        let fault = Home::new().with("locales/en/visits.ftl", text(line)).faults().remove(0);
        assert_eq!((fault.line, fault.column, fault.rule), (2, 5, "comment"), "{fault}");
        let fault =
            Home::new().with("locales/en/terms.ftl", format!("-us =\n  Lake\n  {line}")).faults().remove(0);
        assert_eq!((fault.line, fault.rule), (3, "comment"), "{fault}");
    }
    for line in ["#1 of 2", "Room # 7", "{ \"# 7\" }", "{ $name } # 7"] {
        Home::new().with("locales/en/visits.ftl", text(line)).load();
    }
}

#[test]
fn english_says_what_there_is_no_text_without() {
    let at = "{ DATETIME($at, style: \"day\") }";
    let home = |english: String| {
        let declared = VISIT.replace("type = \"text\"\nsecret", "type = \"text\"\nrequired = true\nsecret")
            + "[variables.clinic]\ntype = \"text\"\nrequired = true\nfrom = \"clinic.name\"\n";
        let call = "{{ t(\"visit\", name=name, at=at, code=code, clinic=clinic, minutes=2) }}";
        Home::new()
            .with("templates/visit.toml", declared)
            .with("templates/visit.j2", call)
            .with("locales/en/visits.ftl", english)
    };
    let whole = format!("{{ $clinic }}: {{ $name }}, {at}, {{ $code }}.");
    for (english, variable) in [
        ("visit = { $clinic }: { $name }, { $code }.".to_owned(), "at"),
        (format!("visit = {{ $clinic }}: {{ $name }}, {at}."), "code"),
        (
            format!(
                "visit = {{ $clinic }}: {{ $name }}, {at}{{ $minutes ->\n [one] x\n *[other] {{ $code }}\n }}"
            ),
            "code",
        ),
        (format!("visit = {whole}\nvisit-short = {at}."), "code"),
    ] {
        let fault = home(english.clone()).faults().remove(0);
        assert_eq!(fault.rule, "missing-variable", "{english}: {fault}");
        assert!(fault.message.starts_with(&format!("${variable} is missing")), "{english}: {fault}");
    }
    // A discreet text says less, and so may a plain one where a detailed one says more.
    for english in [
        format!("visit = {{ $clinic }}: {at}, {{ $code }}.\nvisit-detailed = {whole}"),
        format!("visit = {whole}\nvisit-discreet = {{ $clinic }}: call us."),
        format!("visit = {whole}\nvisit-short = {at}: {{ $code }}."),
        format!("visit = Lakeside: {{ $name }}, {at}, {{ $code }}."),
        format!(
            "visit = {{ hello }} {{ $code }}.\nhello = {{ $clinic }}: {{ again }}\nagain = {{ $name }}, {at}"
        ),
    ] {
        home(english).load();
    }
    // And so with a short text that only the translation has.
    for (short, severity) in [
        (at, Severity::Fault),
        ("{ $name }, { $code }", Severity::Fault),
        ("{ $code }: { DATETIME($at, style: \"day\") }", Severity::Warning),
    ] {
        let home = home(format!("visit = {whole}"));
        let home = home.with("locales/es/visits.ftl", format!("visit = {whole}\nvisit-short = {short}"));
        let catalogue = home.load().snapshot();
        let report = catalogue.report(Some("es"));
        let found = report.iter().filter(|fault| fault.rule == "missing-variable");
        assert_eq!(found.map(|fault| fault.severity).min(), Some(severity), "{short}: {report:?}");
    }
}
