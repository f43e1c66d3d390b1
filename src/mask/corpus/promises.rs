//! The masker's promises, checked on generated texts: idempotent, lines stay, no panic, linear time.

use proptest::prelude::*;

use super::super::*;

/// Texts made of what the rules look for.
fn tricky() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "password",
        "token",
        "=",
        ":",
        "://",
        "http",
        "mysql",
        "@",
        "/",
        ",",
        ";",
        "?",
        "&",
        " ",
        "\n",
        "\r",
        "\t",
        "\"",
        "'",
        "\\",
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        "<",
        ">",
        "***",
        "u",
        "8080",
        "#",
        "-p",
        "--password",
        "mysql ",
        "sh -c ",
        "user",
        "Bearer ",
        "Authorization: ",
        "sig=",
        "pass:",
        "-----BEGIN RSA PRIVATE KEY-----",
        "-----END RSA PRIVATE KEY-----",
        "AKIAABCDEFGHIJKLMNOP",
        "ghp_abcdefghijklmnopqrstuvwxyz",
        "abcdefghijklm0123456789xyz",
        "é",
        "key",
        "- ",
        "name: ",
        "value: ",
        "\"\"\"",
        "!vault ",
        "|",
        "  ",
        "true",
        "</password>",
        "secrets: ",
        "set $token ",
        "{password, <<\"",
        "].",
        "<value>",
        "</value>",
        "<p name=\"token\">",
        "</p>",
        "<![CDATA[",
        "]]>",
        " {\n",
        "; ",
        ";\n",
        "}",
        "[tokens]",
        "<password>",
        "tcp(",
        "auth",
        "cookie: ",
        "none",
        "$",
        "${",
        "%(",
        ")s",
        "/etc/",
        "curl -u ",
        "[",
        "--api-key",
        "/p:",
        "\\\n",
        "-H ",
        "{{ x }}",
        "'\"'\"'",
        "rabbitmqctl add_user ",
        "$6$salt$",
        "http:\\/\\/",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..Default::default() })]

    #[test]
    fn masking_a_masked_text_changes_nothing(text in tricky(), name in tricky()) {
        let once = mask_text(&text).into_owned();
        prop_assert_eq!(mask_text(&once), once.clone());
        let once = mask_value(&name, &text).into_owned();
        prop_assert_eq!(mask_value(&name, &once), once.clone());
    }

    #[test]
    fn masking_a_masked_command_line_changes_nothing(argv in prop::collection::vec(tricky(), 0..6)) {
        let once = mask_argv(&argv);
        prop_assert_eq!(once.len(), argv.len());
        prop_assert_eq!(mask_argv(&once), once.clone());
    }

    #[test]
    fn masking_a_masked_file_changes_nothing(lines in prop::collection::vec(tricky(), 0..8)) {
        let text = lines.join("\n");
        for path in ["a.conf", "a.yaml", "a.toml"] {
            let once = mask_file(path, text.as_bytes());
            let newlines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
            prop_assert_eq!(newlines(&once), newlines(text.as_bytes()));
            prop_assert_eq!(mask_file(path, &once), once.clone());
        }
    }

    #[test]
    fn no_bytes_make_the_masker_fail(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        for path in ["a.conf", "a.yaml", "a.toml"] {
            let once = mask_file(path, &bytes);
            prop_assert_eq!(mask_file(path, &once), once.clone());
        }
        let text = String::from_utf8_lossy(&bytes);
        let _ = (mask_text(&text), mask_argv(&[text.clone().into_owned()]));
    }
}

#[test]
fn masking_takes_time_in_proportion_to_the_text() {
    for piece in [
        "http://",
        "a://b:",
        "(a://",
        "'x://u:p,",
        "x=",
        "\"a\":",
        "u:p@h,",
        "http://u:p@h ",
        "password=[",
        "'password':[/etc/",
        "'password':/etc/",
        "http://u:p@h?a=",
        "key=:",
        "password \n",
        "-p a:b@tcp(",
        "-----BEGIN RSA PRIVATE KEY-----",
        "password \\\"",
        "ey.ey.",
        "a://u:p@h1,v:",
        "authorization:",
        "name=\"",
        "{a: 1, token: ",
        "{password: ${{",
        "password={{a}} ",
        "password={{",
        "- ",
        "{",
        "***",
        "[***,",
        "--password ",
        "--password \"",
        "--password '\"'\"'",
        "--password '\\\"",
        "--password {{ ",
        "curl -u a:",
        "-p'",
        "-p'\n",
        "mysql -p\\\n",
        "[-p (",
        "- --password\n- x\n",
        "jdbc:oracle:thin:a/b@",
        "$6$a$",
        "'password='",
        "http:\\/\\/u:p@",
        "password: |\n  x\n",
        "<name>",
        "password = \"\"\"\n",
        "password=\"\n",
        "password='\\\n",
        "secrets:\n ",
        "secrets: {\n",
        "[tokens]\na\n",
        "'a' ",
        "$token $a ;",
        "token 'x;",
        "a=\"\\\" {;",
        "{a ${;",
        "set $token 'x\n;",
    ] {
        let text = piece.repeat((1 << 20) / piece.len());
        let part = piece.repeat((64 << 10) / piece.len());
        let start = std::time::Instant::now();
        let _ = (mask_text(&text), mask_config_text(text.as_bytes()));
        let _ = (mask_argv(std::slice::from_ref(&part)), mask_file("a.yaml", part.as_bytes()));
        let _ = mask_file("a.toml", part.as_bytes());
        // A quadratic pass over 1 MiB takes hours in a debug build.
        assert!(start.elapsed().as_secs() < 60, "{piece}: {:?}", start.elapsed());
    }
}

#[test]
fn what_ends_a_line_is_not_looked_at_for_every_word_before() {
    let (names, ends) = ("f= ".repeat(100_000), ";".repeat(300_000));
    for text in [
        format!("x = --a -a{}", ",".repeat(1 << 20)),
        format!("a {{\n{names}v {ends}\n}}"),
        format!("{}]", "'password':[/etc/".repeat(60_000)),
    ] {
        let start = std::time::Instant::now();
        let _ = (mask_text(&text), mask_config_text(text.as_bytes()));
        assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
    }
}

#[test]
fn a_long_name_of_much_json_is_not_judged_again_and_again() {
    let name = format!("{}password", "é-".repeat(100_000));
    for list in [format!("[{}1]", "1,".repeat(100_000)), "[".repeat(50_000) + &"]".repeat(50_000)] {
        let text = format!("{{\"{name}\":{list}}}");
        let start = std::time::Instant::now();
        let masked = mask_config_text(text.as_bytes());
        assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
        assert!(!String::from_utf8_lossy(&masked).contains("1,1"));
    }
}
