//! Layouts of files: what each becomes, whole. A secret has the needle, and nothing else may change.

use super::*;

/// Name, text, and the text when it is masked.
const LAYOUTS: &[(&str, &str, &str)] = &[
    // What opens a block may have a separator; the lines in it are directives all the same.
    (
        "a.conf",
        "<VirtualHost *:80>\n    ServerName a\n    SetEnv DB_PASSWORD hunter2\n    \
         RequestHeader set Authorization \"Bearer hunter2\"\n</VirtualHost>\n",
        "<VirtualHost *:80>\n    ServerName a\n    SetEnv DB_PASSWORD ***\n    \
         RequestHeader set Authorization \"***\"\n</VirtualHost>\n",
    ),
    (
        "a.conf",
        "<Proxy \"balancer://c\">\n  SetEnv X_TOKEN hunter2\n",
        "<Proxy \"balancer://c\">\n  SetEnv X_TOKEN ***\n",
    ),
    (
        "a.conf",
        "SetEnvIf A B=C\n  SetEnv API_TOKEN hunter2\n",
        "SetEnvIf A B=C\n  SetEnv API_TOKEN ***\n",
    ),
    ("a.conf", "SetEnv A_TOKEN \\\n  hunter2\nListen 80\n", "SetEnv A_TOKEN ***\n\nListen 80\n"),
    ("a.conf", "AuthName \"The Secret zone\"\n", "AuthName \"The Secret zone\"\n"),
    (
        "a.conf",
        "RequestHeader set X-Token \"%{TOKEN}e\"\nRequestHeader set X-Token \"x%{TOKEN}e\"\n",
        "RequestHeader set X-Token \"%{TOKEN}e\"\nRequestHeader set X-Token \"***\"\n",
    ),
    (
        "haproxy.cfg",
        "listen x *:8404\n  stats auth admin:hunter2\n",
        "listen x *:8404\n  stats auth admin:***\n",
    ),
    (
        "haproxy.cfg",
        "userlist a=b\n  user u insecure-password hunter2\n",
        "userlist a=b\n  user u insecure-password ***\n",
    ),
    ("haproxy.cfg", "  deny if { path /token keep }\n", "  deny if { path /token keep }\n"),
    // A value may go on in prose.
    (
        "a.ini",
        "[a]\ntext = some\n  words of a password and more\n",
        "[a]\ntext = some\n  words of a password and more\n",
    ),
    ("a.yaml", "password:\n# note\n  hunter2\n", "password:\n# note\n  \"***\"\n"),
    // Quoted values of several lines, in files of the environment.
    (".env", "DB_PASSWORD=\"a\nhunter2\"\nA=1\n", "DB_PASSWORD=\"***\"\n\nA=1\n"),
    (
        ".env",
        "export X_TOKEN='a\n\nhunter2 # \"\n' # c\nA=\"b\nc\"\n",
        "export X_TOKEN='***'\n\n\n\nA=\"b\nc\"\n",
    ),
    (".env", "KEY_PASS=\"\nhunter2\\\"\nhunter2\"\nA=1\n", "KEY_PASS=\"***\"\n\n\nA=1\n"),
    (".env", "PASSWORD=abc\\\nhunter2\nA=1\n", "PASSWORD=***\n\nA=1\n"),
    (".env", "PASSWORD='a\\'\nA='1'\n", "PASSWORD='***'\nA='1'\n"),
    ("a.ini", "[x]\npassword = \"hunter2\nuser = \"u\"\n", "[x]\npassword = ***\nuser = \"u\"\n"),
    ("a.properties", "token = \\\n  hunter2,\\\n  hunter2\na = b\n", "token = ***\n\n\na = b\n"),
    ("a.properties", "db.pass\\\n  word = hunter2\na = b\n", "db.pass\\\n  word = ***\na = b\n"),
    // Groups that say that what they hold is secret.
    (
        "a.ini",
        "[passwords]\nalice = hunter2\n[users]\nalice = keep\n",
        "[passwords]\nalice = ***\n[users]\nalice = keep\n",
    ),
    (
        "a.ini",
        "[tokens] # c\nci = hunter2\nexpiration = 3600\nfile = keep\n",
        "[tokens] # c\nci = ***\nexpiration = 3600\nfile = keep\n",
    ),
    ("a.ini", "[secrets]\ndb =\n  hunter2\nx hunter2\n", "[secrets]\ndb =\n  ***\nx ***\n"),
    (
        "keystone.conf",
        "[token]\nprovider = fernet\nexpiration = 3600\n",
        "[token]\nprovider = fernet\nexpiration = 3600\n",
    ),
    (
        "keystone.conf",
        "[fernet_tokens]\nkey_repository = keys\nmax_active_keys = 3\n",
        "[fernet_tokens]\nkey_repository = keys\nmax_active_keys = 3\n",
    ),
    (
        "nova.conf",
        "[keystone_authtoken]\nusername = nova\n[secret_stores]\na = b\n",
        "[keystone_authtoken]\nusername = nova\n[secret_stores]\na = b\n",
    ),
    (
        "a.toml",
        "[secrets.prod]\ndb = \"hunter2\"\n[[tokens]]\nci = 'hunter2'\n[x]\na = \"b\"\n",
        "[secrets.prod]\ndb = \"***\"\n[[tokens]]\nci = '***'\n[x]\na = \"b\"\n",
    ),
    (
        "a.toml",
        "passwords.bob = \"hunter2\"\ntokens = [\n\"hunter2\",\n]\na = \"b\"\n",
        "passwords.bob = \"***\"\ntokens = [\n\"***\",\n]\na = \"b\"\n",
    ),
    (
        "a.properties",
        "app.secrets.db=hunter2\napp.secrets.backend=vault\n",
        "app.secrets.db=***\napp.secrets.backend=vault\n",
    ),
    (
        "a.yaml",
        "passwords:\n  alice: hunter2\n# c\n  bob: hunter2\nkeep: 1\n",
        "passwords:\n  alice: \"***\"\n# c\n  bob: \"***\"\nkeep: 1\n",
    ),
    (
        "a.yaml",
        "secret:\n  nested:\n    a: hunter2\n    b:\n    - hunter2\n    - c: hunter2\nkeep: 1\n",
        "secret:\n  nested:\n    a: \"***\"\n    b:\n    - \"***\"\n    - c: \"***\"\nkeep: 1\n",
    ),
    (
        "a.yaml",
        "secrets:\n  db:\n    password: hunter2\n    user: hunter2\nkeep: u\n",
        "secrets:\n  db:\n    password: \"***\"\n    user: \"***\"\nkeep: u\n",
    ),
    (
        "a.yaml",
        "tokens: {\n  a: hunter2, b: hunter2\n}\nkeep: 1\n",
        "tokens: {\n  \"***\": \"***\"\n}\nkeep: 1\n",
    ),
    (
        "a.yaml",
        "volumes:\n- secret:\n    secretName: web\n    optional: true\n",
        "volumes:\n- secret:\n    secretName: web\n    optional: true\n",
    ),
    (
        "a.yaml",
        "secrets:\n  db:\n    file: ./db.txt\n    external: true\n",
        "secrets:\n  db:\n    file: ./db.txt\n    external: true\n",
    ),
    (
        "a.yaml",
        "auth:\n  realm: x\ntoken:\n  ttl: 600\n  url: x\n",
        "auth:\n  realm: x\ntoken:\n  ttl: 600\n  url: x\n",
    ),
    (
        "a.yaml",
        "password:\n  value: hunter2\n  type: text\n",
        "password:\n  value: \"***\"\n  type: text\n",
    ),
    (
        "a.json",
        "{\"secrets\": {\"x\": \"hunter2\", \"y\": [{\"z\": 5}], \"ttl\": 5}, \"a\": \"b\"}",
        "{\"secrets\": {\"x\": \"***\", \"y\": [{\"z\": \"***\"}], \"ttl\": 5}, \"a\": \"b\"}",
    ),
    (
        "a.json",
        "{\"token\": {\"ttl\": 5, \"value\": \"hunter2\"}}",
        "{\"token\": {\"ttl\": 5, \"value\": \"***\"}}",
    ),
    (
        "a.conf",
        "x = 1\n\"secrets\": {\n\"x\": \"hunter2\",\n},\n\"keep\": \"k\",\n",
        "x = 1\n\"secrets\": {\n\"x\": \"***\",\n},\n\"keep\": \"k\",\n",
    ),
];

#[test]
fn of_every_layout_the_secrets_are_masked_and_nothing_else() {
    for (path, text, expected) in LAYOUTS {
        let masked = String::from_utf8(mask_file(path, text.as_bytes())).unwrap_or_default();
        assert_eq!(masked, *expected, "{path}: {text}");
        assert_eq!(mask_file(path, masked.as_bytes()), masked.as_bytes(), "again: {text}");
        assert!(!masked.contains(NEEDLE), "{text}");
    }
}
