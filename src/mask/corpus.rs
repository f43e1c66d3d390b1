//! What must be masked and what must not, as one table each; and the masker's promises, checked on
//! generated texts.

use proptest::prelude::*;

use super::*;

/// Every secret of the corpus contains this.
const NEEDLE: &str = "hunter2";

/// Texts with a secret in them.
const SECRET_TEXTS: &[&str] = &[
    "mysql+pymysql://nova:hunter2@10.0.0.1/nova",
    "mysql+pymysql://nova:hun@hunter2/w@host/db",
    "mysql+pymysql://nova:12/hunter2@host/db",
    "mysql://nova@ctl:hunter2@host/db",
    "mysql://nova:a b hunter2@host/db",
    "mysql://nova:a'hunter2@host/db?charset=utf8",
    "postgresql://keystone:hunter2@db:5432/keystone?sslmode=require",
    "postgres://u:hunter2?x@db/k",
    "rabbit://u:p@h1:5672,u:hunter2@h2:5672//",
    "rabbit://u:hunter2@h1:5672,u:p@h2:5672//",
    "rabbit://u:hunter2,w@h1:5672//",
    "amqp://u:p@h1;amqp://u:hunter2@h2",
    "amqp://u:p@h1,amqp://u:hunter2@h2",
    "redis://:hunter2@localhost:6379/0",
    "redis://h1:6379,u:hunter2@h2:6379",
    "https://user:hunter2@example.com/path?mail=a@b.c",
    "http://proxy/http://u:hunter2@h/",
    "see http://localhost:8080/ and http://u:hunter2@h/",
    "['http://u:hunter2@h/', 'http://v:w@h/']",
    "{\"url\":\"http://u:hunter2@h/\",\"b\":1}",
    "jdbc:postgresql://u:hunter2@h/db",
    "jdbc:mysql://h/db?user=u&password=hunter2",
    "mongodb+srv://u:hunter2@cluster.example.net/?retryWrites=true",
    "ftp://u:hunter2@h",
    "ssh://git:hunter2@h:22/repo",
    "root:hunter2@tcp(127.0.0.1:3306)/db",
    "host=h user=u password=hunter2 dbname=d",
    "host=h user=u password='hunter2 x' dbname=d",
    "Server=s;Uid=u;Pwd=hunter2;Database=d",
    "Server=s;Uid=u;Pwd={a;hunter2};Database=d",
    "{\"password\": \"hunter2\", \"user\": \"u\"}",
    "{'password': 'hunter2', 'user': 'u'}",
    "{\\\"password\\\": \\\"hunter2\\\"}",
    "{\"passwords\": [\"a\", \"hunter2\"]}",
    "{\"password\": \"a\\\"hunter2\"}",
    "{'adminPass' => 'hunter2'}",
    "Foo(user='u', password='hunter2')",
    "Foo(user=u, password=hunter2, x=1)",
    "password=a,hunter2",
    "<password>hunter2</password>",
    "<db:adminPassword>hunter2</db:adminPassword>",
    "<user name=\"u\" password=\"hunter2\"/>",
    "https://x.blob.core.windows.net/c?sv=1&sig=hunter2%3D",
    "https://s3.example.com/k?X-Amz-Signature=hunter2&x=1",
    "https://h/?access_token=hunter2&x=1",
    "Authorization: Basic dXNlcjpodW50ZXIyhunter2",
    "Authorization: Bearer hunter2",
    "Proxy-Authorization: Digest username=\"u\" hunter2",
    "'Authorization': 'Token hunter2'",
    "X-Auth-Token: hunter2",
    "Cookie: sessionid=hunter2; a=b",
    "Set-Cookie: sid=hunter2; Path=/",
    "send Bearer abcdefghijk12hunter2",
    "AccountName=a;AccountKey=hunter2==;EndpointSuffix=core.windows.net",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIhunter2\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2",
    "-----BEGIN PGP PRIVATE KEY BLOCK-----\\nhunter2\\n-----END PGP PRIVATE KEY BLOCK-----",
    "ghp_abcdefghijklmnopqrstuvwxyz01hunter2",
    "x ghs_abcdefghijklmnopqrstuvwxyz01hunter2 y",
    "github_pat_11ABCDEFG0abcdefghijklhunter2",
    "glpat-abcdefghijklmhunter2",
    "npm_abcdefghijklmnopqrstuvwxyz012345hunter2",
    "xoxb-123456789012-hunter2",
    "SG.abcdefghijklmnop.abcdefghijklhunter2",
    "sk_live_abcdefghijhunter2",
    "rk_test_abcdefghijhunter2",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.hunter2",
    "gAAAAABabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzhunter2==",
    "hvs.abcdefghijklmnopqrsthunter2",
    "sk-proj-abcdefghijklmnhunter2",
    "https://hooks.slack.com/services/T000/B000/hunter2",
    "https://abcdefghijklmn0123hunter2@github.com/o/r",
    "https://abcdefghijklmn0123hunter2:x-oauth-basic@github.com/o/r",
];

/// Values that are secret by their name.
const SECRET_NAMES: &[&str] = &[
    "password",
    "admin_pass",
    "adminPass",
    "ADMIN_PASSWORD",
    "auth_token",
    "OS_PASSWORD",
    "OS_TOKEN",
    "PGPASSWORD",
    "MYSQL_PWD",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "REDISCLI_AUTH",
    "memcache_secret_key",
    "metadata_proxy_shared_secret",
    "auth_encryption_key",
    "ssl_key_password",
    "secret_key",
    "SECRET_KEY_BASE",
    "DJANGO_SECRET_KEY",
    "api-key",
    "x_api_key",
    "private_key",
    "rbd_secret_uuid",
    "transport_password",
    "requirepass",
    "masterauth",
    "LDAP_BINDPW",
    "db_pass",
    "swift_hash_path_suffix",
    "sys_pswd",
    "client_secret",
    "clientSecret",
    "credentials",
    "spring.datasource.password",
    "password1",
    "password_old",
    "sasl.jaas.token",
    "fernet_key",
    "GITHUB_TOKEN",
    "erlang_cookie",
];

/// Command lines with a secret in them, words separated by `|`.
const SECRET_COMMANDS: &[&str] = &[
    "mysql|-uroot|-phunter2|db",
    "sudo|mysqldump|-phunter2",
    "curl|-u|user:hunter2|http://h/",
    "curl|-uuser:hunter2|http://h/",
    "curl|--user|user:hunter2|http://h/",
    "curl|--user=user:hunter2|http://h/",
    "curl|-H|X-Auth-Token: hunter2",
    "curl|-H|Private-Token: hunter2",
    "curl|--header=Authorization: Bearer hunter2",
    "redis-server|--requirepass|hunter2",
    "redis-cli|-a|hunter2",
    "openstack|--os-password|hunter2|server|list",
    "openstack|--os-password=hunter2",
    "env|OS_PASSWORD=hunter2|nova|list",
    "docker|run|-e|DB_PASSWORD=hunter2|image",
    "docker|run|-eDB_PASSWORD=hunter2|image",
    "docker|login|-p|hunter2",
    "sshpass|-p|hunter2|ssh|h",
    "sshpass|-phunter2|ssh|h",
    "java|-Djavax.net.ssl.keyStorePassword=hunter2|Main",
    "keytool|-storepass|hunter2",
    "openssl|rsa|-passin|pass:hunter2",
    "sh|-c|mysql -uroot -phunter2 db",
    "bash|-c|FOO_TOKEN='hunter2 x' run",
    "bash|-lc|x|-c|app --password 'my hunter2'",
    "ldapsearch|-D|cn=x|-w|hunter2",
    "smbclient|-U|user%hunter2",
    "psql|postgresql://u:hunter2@h/db",
    "psql|host=h password=hunter2",
    "helm|install|--set|a=b,db.password=hunter2",
    "kubectl|create|secret|--from-literal=password=hunter2",
    "app|{\"password\": \"hunter2\"}",
    "app: worker --db-password hunter2",
    "etcdctl|--user|root:hunter2",
    "snmpwalk|-v2c|-c|hunter2|h",
    "celery|-b|amqp://u:hunter2@h//",
];

/// Files with a secret in them.
const SECRET_FILES: &[&str] = &[
    "[a]\npassword = hunter2\n",
    "[a]\npassword: hunter2\n",
    "# password = hunter2\n",
    "# requirepass hunter2\n",
    ";password=hunter2\n",
    "password =\n    hunter2\n",
    "password = first\n  hunter2\n\n",
    "requirepass hunter2\n",
    "masterauth \"hunter2\"\n",
    "user default on >hunter2 ~* +@all\n",
    "machine h login u password hunter2\n",
    "    stats auth admin:hunter2\n",
    "  proxy_set_header Authorization \"Basic hunter2\";\n",
    "  proxy_set_header X-Api-Key hunter2;\n",
    "{\n  \"db\": {\n    \"password\": \"hunter2\"\n  }\n}\n",
    "{\"passwords\":[\"x\",\"hunter2\"]}",
    "{\"url\":\"http:\\/\\/u:hunter2@h\"}",
    "{\"pass\\u0077ord\":\"hunter2\"}",
    "{ // comment\n  \"password\": \"hunter2\",\n}\n",
    "db:\n  password: hunter2\n",
    "passwords:\n  - hunter2\n",
    "password: |\n  hunter2\n",
    "SECRET_KEY = 'hunter2'\n",
    "DATABASES = {\n  'PASSWORD': 'hunter2',\n}\n",
    "export DB_PASSWORD=\"hunter2\"\n",
    "Environment=\"FOO_PASSWORD=hunter2\" \"B=c\"\n",
    "connection = mysql://u:hunter2@h/d\n",
    "x = 1\rpassword = hunter2\r",
    "key: |\n  -----BEGIN RSA PRIVATE KEY-----\n  hunter2\n  -----END RSA PRIVATE KEY-----\n",
    "ssl_key = -----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n",
    "\tsecret \"hunter2\";\n",
];

/// Names and values that must stay readable.
const INNOCENT: &[(&str, &str)] = &[
    ("token_ttl", "600"),
    ("password_length", "12"),
    ("key_file", "/etc/ssl/private/k.pem"),
    ("auth_type", "password"),
    ("auth_url", "http://127.0.0.1:5000"),
    ("max_token_size", "255"),
    ("username", "panko"),
    ("project_name", "service"),
    ("user_domain_name", "Default"),
    ("connection", "sqlite:////srv/panko/panko.sqlite"),
    ("ssl_key", "/etc/nova/key.pem"),
    ("pipeline", "cors request_id authtoken keystonecontext api"),
    ("debug", "true"),
    ("paste.filter_factory", "keystonemiddleware.auth_token:filter_factory"),
    ("provider", "fernet"),
    ("key_repository", "/etc/keystone/fernet-keys/"),
    ("methods", "external,password,token,oauth1"),
    ("password_hash_algorithm", "bcrypt"),
    ("password_regex", "^(?=.*\\d)(?=.*[a-zA-Z]).{7,}$"),
    ("max_tokens", "4096"),
    ("server_tokens", "off"),
    ("proxy_pass", "http://backend:8080"),
    ("use_token", "1"),
    ("PasswordAuthentication", "yes"),
    ("SSH_AUTH_SOCK", "/tmp/ssh-x/agent.1"),
    ("PWD", "/srv/app"),
    ("OLDPWD", "/home/u"),
    ("GPG_KEY", "A035C8C19219BA821ECEA86B64E628F8D684696D"),
    ("SSH_ASKPASS", "/usr/bin/ssh-askpass"),
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("LS_COLORS", "rs=0:di=01;34:ln=01;36:mh=00"),
    ("HOME", "/root"),
    ("LANG", "C.UTF-8"),
    ("GOOGLE_APPLICATION_CREDENTIALS", "/etc/gcp/key.json"),
    ("public_key", "ssh-ed25519 AAAAC3Nz"),
    ("primary_key", "id"),
    ("cache_key", "user:1:profile"),
    ("sort_key", "created_at"),
    ("memcached_servers", "h1:11211,h2:11211"),
    ("hosts", "a@b, c@d"),
    ("mail", "admin@example.org"),
    ("url", "https://example.com/a?b=c&d=e"),
    ("url", "https://registry.npmjs.org/@babel/core"),
    ("url", "http://host:8080/@scope/pkg"),
    ("url", "http://h:8080/users/a@b.c"),
    ("url", "https://user@example.com/"),
    ("url", "ssh://git@github.com:22/o/r"),
    ("url", "http://[::1]:8080/x"),
    ("url", "http://h:80,http://h2:80"),
    ("url", "file:///a/b:c@d"),
    ("url", "http://h/?mail=a@b"),
    ("url", "redis://h:6379/0"),
    ("url", "git@github.com:o/r.git"),
    ("image", "docker://h/img:tag@sha256:abcdef"),
    ("image", "repo/app:1.2@sha256:0123456789abcdef"),
    ("transport_url", "rabbit://h1:5672,h2:5672//"),
    ("bind", "0.0.0.0:8080"),
    ("ipv6", "fe80::1"),
    ("text", "Enter your password: then press return"),
    ("text", "the token is valid for 600 s"),
    ("text", "password"),
    ("text", "token"),
    ("text", "bearer authentication-required"),
    ("text", "BEGIN PRIVATE KEY"),
    ("text", "-----BEGIN CERTIFICATE-----\nMIIB\n"),
    ("sha", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
    ("id", "550e8400-e29b-41d4-a716-446655440000"),
    ("version", "1.2.3"),
    ("list", "a, b ,c"),
    ("dict", "k:v:w,k2: v2"),
    ("range", "1-10"),
    ("log_format", "%(asctime)s %(levelname)s %(name)s"),
    ("date", "2024-01-01T00:00:00Z"),
    ("template", "$base/x-${grp.name}"),
    ("password", "${DB_PASSWORD}"),
    ("password", ""),
    ("secret", "None"),
    ("api_key", "%(api_key)s"),
    ("token", "{{ token }}"),
    ("GITHUB_TOKEN", "${{ secrets.GITHUB_TOKEN }}"),
    ("key", "name"),
    ("ssl_ciphers", "HIGH:!aNULL:!MD5"),
    ("cron", "*/5 * * * *"),
    ("regex", "a=b:c"),
    ("json", "{\"user\": \"u\", \"ttl\": 5}"),
    ("json", "{\"token\": {\"ttl\": 5}}"),
    ("kv", "auth_type=password,user=u"),
    ("kv", "token_ttl=600&password_length=12"),
    ("cookie_name", "sid"),
    ("session_timeout", "60"),
    ("bypass", "localhost"),
    ("compass", "north"),
    ("enabled_filters", "RetryFilter,AvailabilityZoneFilter"),
    ("policy", "role:admin or user_id:%(user_id)s"),
    ("mask", "***"),
    ("ask_pass", "0"),
    ("monkey", "patched"),
    ("keyboard", "de"),
    ("author", "me"),
    ("secret_name", "db-creds-name"),
    ("token_endpoint", "https://h/oauth/token"),
    ("uuid_key_prefix", "u-"),
    ("retries", "sk-learn"),
];

const INNOCENT_COMMANDS: &[&str] = &[
    "python3|/opt/panko-api|--port|18977|--|--config-file|/srv/panko/panko.conf",
    "ps|-p|1234",
    "mysqld|--port=3306|--pid-file=/run/m.pid",
    "psql|--no-password|-U|u",
    "ansible|--ask-become-pass|all",
    "mkdir|-p|/srv/a",
    "ssh|-p|22|user@host",
    "curl|-s|http://h/",
    "docker|run|-p|80:80|image",
    "sleep|600",
    "nginx|-c|/etc/nginx/nginx.conf",
    "postgres: 15/main: walwriter ",
];

fn words(command: &str) -> Vec<String> {
    command.split('|').map(str::to_owned).collect()
}

fn file(text: &str) -> String {
    String::from_utf8_lossy(&mask_config_text(text.as_bytes())).into_owned()
}

#[test]
fn no_secret_of_the_corpus_leaks() {
    let mut leaked = Vec::new();
    let mut check = |what: &str, masked: String| {
        if masked.contains(NEEDLE) || !masked.contains(MASK) {
            leaked.push(format!("{what}\n   -> {masked}"));
        }
    };
    for text in SECRET_TEXTS {
        check(text, mask_text(text).into_owned());
        check(text, mask_argv(&[(*text).to_owned()]).concat());
        check(text, file(&format!("option = {text}\n")));
        check(text, mask_value("option", text).into_owned());
    }
    for name in SECRET_NAMES {
        check(name, mask_value(name, "hunter2").into_owned());
        check(name, file(&format!("[x]\n{name} = hunter2")));
        check(name, file(&format!("{{\"{name}\": \"hunter2\"}}")));
        check(name, mask_argv(&["x".into(), format!("--{name}=hunter2")]).join(" "));
        check(name, mask_argv(&["x".into(), format!("--{name}"), "hunter2".into()]).join(" "));
    }
    for command in SECRET_COMMANDS {
        check(command, mask_argv(&words(command)).join("|"));
    }
    for text in SECRET_FILES {
        check(text, file(text));
    }
    assert!(leaked.is_empty(), "{} leaked:\n{}", leaked.len(), leaked.join("\n"));
}

#[test]
fn at_most_one_innocent_value_of_a_hundred_is_masked() {
    let mut masked = Vec::new();
    for (name, value) in INNOCENT {
        if mask_value(name, value) != *value {
            masked.push(format!("{name} = {value} -> {}", mask_value(name, value)));
        }
        let line = format!("{name} = {value}\n");
        if file(&line) != line {
            masked.push(format!("{line} -> {}", file(&line)));
        }
    }
    for command in INNOCENT_COMMANDS {
        if mask_argv(&words(command)) != words(command) {
            masked.push(format!("{command} -> {:?}", mask_argv(&words(command))));
        }
    }
    let count = INNOCENT.len() * 2 + INNOCENT_COMMANDS.len();
    assert!(masked.len() * 100 <= count, "{} of {count}:\n{}", masked.len(), masked.join("\n"));
}

#[test]
fn only_the_secret_part_goes() {
    for (text, masked) in [
        ("rabbit://u:p@h1:5672,u:p@h2:5672//", "rabbit://u:***@h1:5672,u:***@h2:5672//"),
        ("mysql+pymysql://u:p@ss/w@host/db", "mysql+pymysql://u:***@host/db"),
        ("http://u:p@h/x?mail=a@b.c", "http://u:***@h/x?mail=a@b.c"),
        ("redis://:p@h:6379/0", "redis://:***@h:6379/0"),
        ("amqp://u:p@h;amqp://u:q@i", "amqp://u:***@h;amqp://u:***@i"),
        ("host=h password=p dbname=d", "host=h password=*** dbname=d"),
        ("Foo(a=1, password=p, x=1)", "Foo(a=1, password=***, x=1)"),
        ("Authorization: Basic abc", "Authorization: Basic ***"),
    ] {
        assert_eq!(mask_text(text), masked);
    }
    let argv = ["mysql", "-uroot", "-ppw", "db"].map(str::to_owned);
    assert_eq!(mask_argv(&argv), ["mysql", "-uroot", "-p***", "db"]);
}

#[test]
fn a_masked_file_keeps_its_form() {
    let text = "[a]\n# note\npassword = \"x y\"\n  more\nurl: http://u:p@h/\nsecret \"a\";\n\n";
    let masked =
        "[a]\n# note\npassword = \"***\"\n  ***\nurl: http://u:***@h/\nsecret \"***\";\n\n";
    assert_eq!(file(text), masked);
    let text = "{\n  \"password\": 12,\n  \"a\": [1, true],\n  \"tokens\": [\"x\", 2]\n}\n";
    let masked =
        "{\n  \"password\": \"***\",\n  \"a\": [1, true],\n  \"tokens\": [\"***\", \"***\"]\n}\n";
    assert_eq!(file(text), masked);
}

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
        "|",
        "  ",
        "true",
        "</password>",
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
        let once = file(&text);
        prop_assert_eq!(once.matches('\n').count(), text.matches('\n').count());
        prop_assert_eq!(file(&once), once.clone());
    }

    #[test]
    fn no_bytes_make_the_masker_fail(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let once = mask_config_text(&bytes);
        prop_assert_eq!(mask_config_text(&once), once.clone());
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
    ] {
        let text = piece.repeat((64 << 10) / piece.len());
        let start = std::time::Instant::now();
        let _ = (mask_text(&text), mask_config_text(text.as_bytes()));
        // A quadratic pass over 64 KiB takes minutes in a debug build.
        assert!(start.elapsed().as_secs() < 20, "{piece}: {:?}", start.elapsed());
    }
}
