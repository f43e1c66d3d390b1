//! Formats and dialects, by what they make of texts.

use proptest::prelude::*;

use super::*;
use crate::config::dialect::Dialect;

fn shown(path: &str, text: &str) -> Vec<String> {
    lines(parse(path, text, 0))
}

/// As a program of this dialect reads it.
fn with(dialect: &'static Dialect, text: &str) -> Vec<String> {
    let mut out = Output::new(dialect, None);
    read_text("a", text, &mut out);
    lines(out.finish())
}

/// Every dialect that there is.
const ALL: [&Dialect; 8] = {
    use crate::config::dialect as d;
    [&d::NGINX, &d::REDIS, &d::POSTGRES, &d::HAPROXY, &d::MYSQL, &d::APACHE, &d::SSHD, &d::UNIT]
};

fn lines(parsed: Parsed) -> Vec<String> {
    let mut lines = Vec::new();
    for group in parsed.groups {
        for option in group.options {
            for value in option.values {
                lines.push(format!("{}|{}|{}|{}", group.name, option.name, value.text, value.line));
            }
        }
    }
    lines
}

#[test]
fn ini_files_have_sections_options_and_bare_names() {
    let text =
        "top = 1\n[mysqld]\nport = 3306\nskip-networking\n# c\nlist = a\n  b\n[x]\n  y: \"z\"\n";
    assert_eq!(
        shown("my.cnf", text),
        [
            "main|top|1|1",
            "mysqld|port|3306|3",
            "mysqld|skip-networking||4",
            "mysqld|list|a\nb|6",
            "x|y|z|9"
        ]
    );
}

#[test]
fn lines_of_words_are_options() {
    let text = "# redis\nport 6379\nsave 900 1\nsave 300 10\nappendonly  yes\n";
    assert_eq!(
        shown("/etc/redis.conf", text),
        ["main|port|6379|2", "main|save|900 1|3", "main|save|300 10|4", "main|appendonly|yes|5"]
    );
}

#[test]
fn blocks_are_groups_named_by_their_path() {
    let text = "user www;\nhttp { # c\n  gzip on;\n  server {\n    listen 80;\n    location / {\n      \
                root \"/srv;x\";\n      index a\n        b;\n    }\n  }\n}\n";
    assert_eq!(
        shown("nginx.conf", text),
        [
            "main|user|www|1",
            "http|gzip|on|3",
            "http/server|listen|80|5",
            "http/server/location /|root|\"/srv;x\"|7",
            "http/server/location /|index|a b|8"
        ]
    );
}

#[test]
fn json_is_flattened_and_what_is_not_json_is_shown_as_lines() {
    let text = "{\"b\": {\"c\": \"x\", \"d\": [true,\n {\"e\":\n null}]},\n \"f\": [], \"a\": 1}";
    assert_eq!(
        shown("a.json", text),
        ["b|c|x|1", "b|d[0]|true|1", "b|d[1].e|null|2", "main|f|[]|4", "main|a|1|4"]
    );
    assert_eq!(shown("a.json", "{\n  bad\n"), ["raw||{|1", "raw||  bad|2"]);
}

#[test]
fn environment_files_and_properties_are_one_group() {
    let text = "export A=1\n# c\nB='x y'\nc.d: e\nD = f \\\n   g\n";
    assert_eq!(shown(".env", text), ["main|A|1|1", "main|B|x y|3", "main|c.d|e|4", "main|D|f g|5"]);
}

#[test]
fn properties_are_read_as_java_reads_them() {
    let text = "a.url jdbc:mysql://h/d\n! c\nb\\ c\\:d = x\\u00e9\\ty \ne:f\\\n   g\nh\\\\\ni\n\
                j = \\ud83d\\ude00 \\u00zz \\";
    assert_eq!(
        shown("a.properties", text),
        [
            "main|a.url|jdbc:mysql://h/d|1",
            "main|b c:d|x\u{e9}\ty |3",
            "main|e|fg|4",
            "main|h\\||6",
            "main|i||7",
            "main|j|\u{1f600} u00zz |8",
        ]
    );
}

#[test]
fn what_stands_in_braces_belongs_to_its_block() {
    let text = "ui = true # c\nstorage \"consul\" {\n  address = \"h:1\"\n  tags = { a = 1 }\n}\n\
                list = [\n  \"a\", # c\n  \"b\"\n]\nseal \"x\" {}\ndata = {\n  k = 1\n}\n\
                text = <<-EOF\n  one }\n  EOF\nlast = 1\n";
    assert_eq!(
        shown("a.hcl", text),
        [
            "main|ui|true|1",
            "main|list|[ \"a\", \"b\" ]|6",
            "main|text|one }|14",
            "main|last|1|17",
            "storage \"consul\"|address|h:1|3",
            "storage \"consul\"|tags|{ a = 1 }|4",
            "data|k|1|12",
        ]
    );
    let text =
        "input {\n  beats { port => 5044 }\n}\noutput {\n  x {\n    hosts => [\"h\"]\n  }\n}\n";
    assert_eq!(
        shown("logstash.conf", text),
        ["input/beats|port|5044|2", "output/x|hosts|[\"h\"]|6"]
    );
    for text in ["a = [\n", "a = <<EOF\n", "}}}", "{", "a = {"] {
        shown("a.hcl", text);
    }
}

#[test]
fn yaml_is_flattened_with_the_lines_of_its_names() {
    let text = "top: 1\nserver:\n  port: 80 # c\n  hosts:\n    - a\n    - b: c\n  none: {}\nlist: [x, y]\n\
                text: |\n  one\n  two\nempty:\n";
    assert_eq!(
        shown("a.yml", text),
        [
            "main|top|1|1",
            "main|list[0]|x|8",
            "main|list[1]|y|8",
            "main|text|one\ntwo\n|9",
            "main|empty||12",
            "server|port|80|3",
            "server|hosts[0]|a|5",
            "server|hosts[1].b|c|6",
            "server|none|{}|7",
        ]
    );
    let two = "a:\n  b: 1\n---\na:\n  b: 2\n";
    assert_eq!(shown("a.yaml", two), ["a|b|1|2", "document 2: a|b|2|5"]);
    assert_eq!(shown("mongod.conf", "# c\nnet:\n  port: 1\n"), ["net|port|1|3"]);
}

#[test]
fn what_is_masked_in_yaml_and_toml_can_still_be_read() {
    let yaml =
        "db:\n  password: hunter2\n  url: mysql://u:hunter2@h/d\n  port: 1\ntokens:\n  - hunter2\n";
    let toml = "[db]\npassword = \"hunter2\" # c\nsecret = 12345\nport = 1\ntokens = [\n  \"hunter2\",\n  \"hunter3\" # c\n]\n";
    for (name, text) in [("a.yaml", yaml), ("a.toml", toml)] {
        let masked = crate::mask::mask_config_text(text.as_bytes());
        let masked = String::from_utf8_lossy(&masked);
        let shown = shown(name, &masked);
        assert!(shown.iter().any(|line| line.starts_with("db|password|***|")), "{name}: {shown:?}");
        assert!(shown.iter().any(|line| line.starts_with("db|port|1|")), "{name}: {shown:?}");
        assert!(!shown.iter().any(|line| line.contains("hunter")), "{name}: {shown:?}");
    }
}

#[test]
fn an_alias_is_shown_by_what_it_stands_for_and_multiplies_nothing() {
    let text = "a: &t text\nb: *t\nc: &m {x: 1}\nd:\n  <<: *m\n";
    assert_eq!(
        shown("a.yaml", text),
        ["main|a|text|1", "main|b|text|2", "c|x|1|3", "d|<<|(as on line 3)|5"]
    );
    let mut laughs = "a0: &a0 [lol, lol]\n".to_owned();
    for level in 1..100 {
        let below = level - 1;
        laughs.push_str(&format!(
            "a{level}: &a{level} [{}]\n",
            vec![format!("*a{below}"); 20].join(", ")
        ));
    }
    assert_eq!(shown("a.yaml", &laughs).len(), 2 + 99 * 20);
}

#[test]
fn toml_is_flattened_with_the_lines_of_its_names() {
    let text = "title = \"x\"\n[owner]\nname = 'T'\ndob = 1979-05-27\n[[servers]]\nip = \"a\"\n\
                [[servers]]\nip = \"b\"\nports = [1,\n 2]\n[owner.more]\nf = 1.5\nok = true\n";
    assert_eq!(
        shown("a.toml", text),
        [
            "owner|dob|1979-05-27|4",
            "owner|more.f|1.5|12",
            "owner|more.ok|true|13",
            "owner|name|T|3",
            "main|servers[0].ip|a|6",
            "main|servers[1].ip|b|8",
            "main|servers[1].ports[0]|1|9",
            "main|servers[1].ports[1]|2|10",
            "main|title|x|1",
        ]
    );
}

#[test]
fn what_is_neither_yaml_nor_toml_is_shown_as_its_lines_with_a_note() {
    let broken = parse("a.yaml", "a: 1\nb: [1, 2\nc: }\n", 0);
    assert_eq!(broken.groups.len(), 1, "{broken:?}");
    assert_eq!(broken.groups.first().map(|group| group.name.as_str()), Some(RAW_GROUP));
    assert_eq!(broken.notes.len(), 1);
    let broken = parse("a.toml", "a = 1\nb = \n", 0);
    assert_eq!(broken.groups.first().map(|group| group.name.as_str()), Some(RAW_GROUP));
    assert_eq!(broken.notes.len(), 1);
}

#[test]
fn sections_of_apache_are_groups_and_repeated_ones_are_numbered() {
    let text = "ServerRoot \"/etc/apache2\"\n<VirtualHost *:80>\n  ServerName a\n  <Directory /srv>\n    \
                Options -Indexes \\\n      +FollowSymLinks\n  </Directory>\n</VirtualHost>\n\
                <VirtualHost *:80>\nServerName b\n</VirtualHost>\nListen 80\n";
    assert_eq!(
        with(&super::super::dialect::APACHE, text),
        [
            "main|ServerRoot|/etc/apache2|1",
            "main|Listen|80|12",
            "VirtualHost *:80|ServerName|a|3",
            "VirtualHost *:80/Directory /srv|Options|-Indexes +FollowSymLinks|5",
            "VirtualHost *:80 #2|ServerName|b|10",
        ]
    );
}

#[test]
fn keywords_begin_the_sections_of_haproxy_and_sshd() {
    let text = "global\n  log /dev/log local0 # c\nfrontend www\n  bind :80\nfrontend www\n";
    assert_eq!(
        with(&super::super::dialect::HAPROXY, text),
        ["global|log|/dev/log local0|2", "frontend www|bind|:80|4"]
    );
    let text = "Port 22\nPort 2222\npasswordauthentication no\nPasswordAuthentication yes\n\
                Match User a # c\n  X11Forwarding yes\n";
    assert_eq!(
        with(&super::super::dialect::SSHD, text),
        [
            "main|Port|22|1",
            "main|Port|2222|2",
            "main|passwordauthentication|no|3",
            "Match User a|X11Forwarding|yes|6"
        ]
    );
}

#[test]
fn settings_of_postgres_have_quotes_comments_and_a_last_value() {
    let text = "listen_addresses = 'localhost'\t\t# what\nport 5433 # c\nPort=5434\nq = 'it''s \\'x\\' \\101'\n\
                #max = 1\nshared_buffers = 128MB\t# min\n";
    assert_eq!(
        with(&super::super::dialect::POSTGRES, text),
        [
            "main|listen_addresses|localhost|1",
            "main|port|5434|3",
            "main|q|it's 'x' A|4",
            "main|shared_buffers|128MB|6"
        ]
    );
    let text = "# c\nlocal all all peer\nhost a b c d\n";
    assert_eq!(shown("/d/pg_hba.conf", text), ["raw||local all all peer|2", "raw||host a b c d|3"]);
}

#[test]
fn lines_of_a_unit_go_on_behind_a_backslash() {
    let text = "[Service]\nExecStart=/bin/a \\\n# c\n  -b=c\nEnvironment=A=1\nEnvironment=B=2\n";
    assert_eq!(
        with(&super::super::dialect::UNIT, text),
        [
            "Service|ExecStart|/bin/a -b=c|2",
            "Service|Environment|A=1|5",
            "Service|Environment|B=2|6"
        ]
    );
}

#[test]
fn options_of_mysql_have_one_name_with_dashes_or_underscores() {
    let text = "[mysqld]\nmax-connections=1\nmax_connections = 2 # c\nskip-networking\n";
    assert_eq!(
        with(&super::super::dialect::MYSQL, text),
        ["mysqld|max-connections|2|3", "mysqld|skip-networking||4"]
    );
}

proptest! {
    #[test]
    fn no_text_makes_a_parser_fail(
        name in "a\\.(conf|json|ini|env|yaml|toml|x)",
        text in "([\\[\\]={}:#; \t\r\n\"'\\\\a-c0-9,<>/&*!|?-]|\\PC){0,400}",
    ) {
        let _ = parse(&name, &text, 0);
    }

    #[test]
    fn no_text_makes_a_dialect_fail(text in "([\\[\\]={}:#; \t\n\"'\\\\a-c0-9,<>/!]|\\PC){0,400}") {
        for dialect in ALL {
            with(dialect, &text);
        }
    }
}

#[test]
fn deep_and_long_files_are_read_in_little_time() {
    let long = MAX_FILE_BYTES;
    let fill = |piece: &str| piece.repeat(long / piece.len());
    let key = "k".repeat(long / 2);
    let texts = [
        fill("a {\n"),
        fill("["),
        fill("{"),
        fill("[\"]\","),
        fill("{\"a\":"),
        fill("a;"),
        fill("- "),
        fill("? "),
        fill("- a\n"),
        fill("a: &a *a\n"),
        fill("&a "),
        fill("!!x "),
        fill("a: b: "),
        fill("a\\\n"),
        fill("<a>\n"),
        fill("a = [\n"),
        fill("[a.b]\n"),
        fill("a.b.c = {"),
        fill("[[a]]\n"),
        fill("\"\"\""),
        fill("{a: [b, "),
        format!("[{}1]", fill("a, ")),
        format!("{key} = [{}]", "1,".repeat(long / 4)),
        format!("{key}:\n{}", " - 1\n".repeat(long / 16)),
        format!("[{key}]\n{}", "a = 1\n".repeat(long / 16)),
    ];
    let start = std::time::Instant::now();
    for text in &texts {
        for name in ["a.conf", "a.json", "a.ini", "a.env", "a.yaml", "a.toml"] {
            let begun = std::time::Instant::now();
            let _ = parse(name, text, 0);
            let head: String = text.chars().take(20).collect();
            assert!(begun.elapsed().as_secs() < 30, "{name} {head}: {:?}", begun.elapsed());
        }
        for dialect in ALL {
            with(dialect, text);
        }
    }
    assert!(start.elapsed().as_secs() < 300, "{:?}", start.elapsed());
}
