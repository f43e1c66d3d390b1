//! Layouts of files: what each becomes, whole. A secret has the needle, and nothing else may change.

use super::*;

/// nginx, with nothing to mask.
const NGINX: &str = r#"http {
  limit_req_zone $binary_remote_addr zone=token:1m rate=1r/s;
  map $http_authorization $api_token { default ""; }
  server { listen 80;
    location = /token { proxy_pass http://127.0.0.1:1; }
    location /password { return 200; }
    if ($http_x_token = "") { return 403; }
    location /a { auth_basic "Secret zone"; auth_basic_user_file /etc/nginx/htpasswd; root /srv/a; }
    location /b {
      auth_request_set $auth_cookie $upstream_http_set_cookie; add_header Set-Cookie $auth_cookie;
      proxy_set_header Authorization "";
      proxy_hide_header Set-Cookie;
      proxy_cookie_path / "/; secure";
    }
    location /c { proxy_set_header Authorization $http_authorization; proxy_read_timeout 5s; }
    location ~ ^/[a-z]{2,3}/token$ { proxy_set_header Authorization "Bearer ${arg_t}"; root /a; }
  }
}
"#;

/// Name, text, and the text when it is masked.
pub const LAYOUTS: &[(&str, &str, &str)] = &[
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
        "env:\n- {name: DB_PASSWORD, value: hunter2}\n- {name: A, value: keep}\n",
        "env:\n- {name: DB_PASSWORD, value: \"***\"}\n- {name: A, value: keep}\n",
    ),
    (
        "a.toml",
        "[secrets]\nl = [\n \"hunter2\",\n \"hunter2\" ]\n[z]\na=1\n",
        "[secrets]\nl = [\n \"***\",\n \"***\" ]\n[z]\na=1\n",
    ),
    ("a.toml", "tokens = [ # c\n \"hunter2\"\n]\nx = 1\n", "tokens = [ # c\n \"***\"\n]\nx = 1\n"),
    (
        "a.yaml",
        "passwords:\n  - {a: hunter2, b: hunter2}\n  - x: hunter2\nother: 1\n",
        "passwords:\n  - \"***\"\n  - x: \"***\"\nother: 1\n",
    ),
    (
        "a.yaml",
        "env: [DB_PASSWORD=hunter2, \"X=1\", Y=2]\n",
        "env: [DB_PASSWORD=***, \"X=1\", Y=2]\n",
    ),
    (
        "a.yaml",
        "g: {passwords: {bob: hunter2}, a: b}\nc: 1\n",
        "g: {passwords: {\"***\"}, a: b}\nc: 1\n",
    ),
    (
        "a.yaml",
        "passwords: &p\n  bob: hunter2\nother: *p\n",
        "passwords: &p\n  bob: \"***\"\nother: *p\n",
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
    // What lies beside a value tells what it is, before it or behind it.
    (
        "a.json",
        r#"{"env": [{"value": "hunter2", "name": "DB_PASSWORD"}, {"name": "A", "value": "b"}]}"#,
        r#"{"env": [{"value": "***", "name": "DB_PASSWORD"}, {"name": "A", "value": "b"}]}"#,
    ),
    (
        "a.json",
        r#"{"password": ["hunter2", {"x": "hunter2", "type": "y"}], "a": ["b", {"c": "d"}]}"#,
        r#"{"password": ["***", {"x": "***", "type": "y"}], "a": ["b", {"c": "d"}]}"#,
    ),
    (
        "a.json",
        r#"{"keys": [{"d": "hunter2", "n": "x", "kty": "RSA"}, {"kty": "oct", "k": "hunter2"}]}"#,
        r#"{"keys": [{"d": "***", "n": "x", "kty": "RSA"}, {"kty": "oct", "k": "***"}]}"#,
    ),
    (
        "config.json",
        r#"{"auths": {"https://u:hunter2@h/": {"auth": "hunter2", "email": "a@b"}}, "auth": "x"}"#,
        r#"{"auths": {"https://u:***@h/": {"auth": "***", "email": "a@b"}}, "auth": "x"}"#,
    ),
    (
        "a.json",
        r#"{"data": {"a": "hunter2", "tls.crt": "hunter2"}, "kind": "Secret", "type": "Opaque"}"#,
        r#"{"data": {"a": "***", "tls.crt": "***"}, "kind": "Secret", "type": "Opaque"}"#,
    ),
    (
        "a.json",
        r#"{"data": {"items": [{"kind": "Secret", "data": {"a": "hunter2"}}], "b": "c"}}"#,
        r#"{"data": {"items": [{"kind": "Secret", "data": {"a": "***"}}], "b": "c"}}"#,
    ),
    (
        "a.json",
        r#"{"data": {"a": "b"}, "kind": "ConfigMap"}"#,
        r#"{"data": {"a": "b"}, "kind": "ConfigMap"}"#,
    ),
    (
        "a.json",
        r#"{"env": {"A": "{\"auths\": {\"r\": {\"auth\": \"hunter2\"}}}"}}"#,
        r#"{"env": {"A": "{\"auths\": {\"r\": {\"auth\": \"***\"}}}"}}"#,
    ),
    (
        "a.conf",
        "x = 1\n\"secrets\": {\n\"x\": \"hunter2\",\n},\n\"keep\": \"k\",\n",
        "x = 1\n\"secrets\": {\n\"x\": \"***\",\n},\n\"keep\": \"k\",\n",
    ),
    // Statements that share a line, and references.
    ("nginx.conf", NGINX, NGINX),
    (
        "nginx.conf",
        "location = /x {\n  fastcgi_param DB_PASSWORD hunter2;\n}\nif ($a = b) {\n  set $secret \"hunter2\";\n}\n",
        "location = /x {\n  fastcgi_param DB_PASSWORD ***;\n}\nif ($a = b) {\n  set $secret \"***\";\n}\n",
    ),
    (
        "nginx.conf",
        "server { location / { secret \"hunter;2{hunter2\"; root /a; } set $token hunter2; root /b; }\n",
        "server { location / { secret \"***\"; root /a; } set $token ***; root /b; }\n",
    ),
    (
        "nginx.conf",
        "server {\n  if ($http_x_token != \"hunter2\") { return 403; } # password hunter2\n  if ($http_x_token = hunter2) { return 403; }\n}\na b;\n",
        "server {\n  if ($http_x_token != \"***\") { return 403; } # password ***\n  if ($http_x_token = ***) { return 403; }\n}\na b;\n",
    ),
    (
        "nginx.conf",
        "map $http_apikey $client { default \"\"; \"hunter2\" one; hunter2 two; }\nmap $host $api_token { default \"\"; a hunter2; b $c; }\n",
        "map $http_apikey $client { default \"\"; \"***\" one; *** two; }\nmap $host $api_token { default \"\"; a ***; b $c; }\n",
    ),
    (
        "nginx.conf",
        "a {\n  set $token\n    hunter2;\n  set $secret \"a\nhunter2\"; root /a;\n}\n",
        "a {\n  set $token\n    ***;\n  set $secret ***\n; root /a;\n}\n",
    ),
    (
        "named.conf",
        "key \"k\" { algorithm hmac-md5; secret \"hunter2\"; };\n",
        "key \"k\" { algorithm hmac-md5; secret \"***\"; };\n",
    ),
    (
        "a.js",
        "a = {\n  password: 'hunter2',\n  user: 'keep',\n};\n",
        "a = {\n  password: '***',\n  user: 'keep',\n};\n",
    ),
    (
        "a.conf",
        "secrets {\n  a hunter2;\n  b { c hunter2; }\n}\nd e;\n",
        "secrets {\n  a ***;\n  b { c ***; }\n}\nd e;\n",
    ),
    ("redis.conf", "requirepass hunter2;x\nport 1\n", "requirepass ***\nport 1\n"),
    // Names that do not show what they are.
    (
        "a.yaml",
        "? password\n: hunter2\n? keep\n: 1\n\"pass\\x77ord\": hunter2\n",
        "? password\n: \"***\"\n? keep\n: 1\n\"pass\\x77ord\": \"***\"\n",
    ),
    ("a.properties", "pass\\u0077ord=hunter2\na = b\n", "pass\\u0077ord=***\na = b\n"),
    (
        "a.conf",
        "x = {\"a\": 1, \"secrets\": {\"b\": {\"c\": \"hunter2\"}}, \"d\": 2}\n",
        "x = {\"a\": 1, \"secrets\": {***}, \"d\": 2}\n",
    ),
    // Erlang terms.
    (
        "advanced.config",
        "[{rabbit,[{default_pass,<<\"hunter2\">>},{password,\"hunter2\"},{ssl_options,[{keyfile,\"/k\"}]}]}].\n",
        "[{rabbit,[{default_pass,<<\"***\">>},{password,\"***\"},{ssl_options,[{keyfile,\"/k\"}]}]}].\n",
    ),
    (
        "advanced.config",
        "%% isn't it\n[\n {rabbit, [\n  {default_user, <<\"keep\">>},\n  {default_pass, <<\"a\\\"hunter2\">>},\n  %% {password, \"hunter2\"},\n  {uri, \"amqp://u:hunter2@h\"}\n ]},\n {ldap, [\n  {dn_lookup_bind, {\"cn=x\", \"hunter2\"}}, {tokens, [\"hunter2\", {a, 'b'}]},\n  {password, {encrypted, <<\"hunter2\">>}}, {cookie, hunter2}, {use_token, true}]}\n]. %% end\n",
        "%% isn't it\n[\n {rabbit, [\n  {default_user, <<\"keep\">>},\n  {default_pass, <<\"***\">>},\n  %% {password, \"***\"},\n  {uri, \"amqp://u:***@h\"}\n ]},\n {ldap, [\n  {dn_lookup_bind, {\"cn=x\", \"***\"}}, {tokens, [\"***\", {a, 'b'}]},\n  {password, {encrypted, <<\"***\">>}}, {cookie, ***}, {use_token, true}]}\n]. %% end\n",
    ),
    ("advanced.config", "[{password, \"hunter2\n hunter2\"}].\n", "[{password, \"***\n ***\"}].\n"),
    // XML.
    (
        "a.xml",
        "<a><token><![CDATA[hunter2]]></token><b>keep</b></a>\n",
        "<a><token><![CDATA[***]]></token><b>keep</b></a>\n",
    ),
    (
        "a.xml",
        "<entry key=\"db.password\">hunter2</entry><entry key=\"db.user\">keep</entry>\n",
        "<entry key=\"db.password\">***</entry><entry key=\"db.user\">keep</entry>\n",
    ),
    (
        "a.xml",
        "<a>\n <Password>\n  hunter2\n  hunter2\n </Password>\n <b>\n  keep\n </b>\n</a>\n",
        "<a>\n <Password>\n  ***\n  ***\n </Password>\n <b>\n  keep\n </b>\n</a>\n",
    ),
    (
        "a.xml",
        "<property name=\"password\">\n <value>hunter2</value></property><property name=\"x\"><value>keep</value></property>\n",
        "<property name=\"password\">\n <value>***</value></property><property name=\"x\"><value>keep</value></property>\n",
    ),
    (
        "a.xml",
        "<p><name>a.password</name><value>hunter2</value></p>\n<p><name>a</name><value>keep</value></p>\n",
        "<p><name>a.password</name><value>***</value></p>\n<p><name>a</name><value>keep</value></p>\n",
    ),
    (
        "a.xml",
        "<property>\n<name>a.password</name>\n<value>hunter2</value>\n</property>\n",
        "<property>\n<name>a.password</name>\n<value>***</value>\n</property>\n",
    ),
    (
        "a.plist",
        "<dict><key>ApiToken</key>\n<string>hunter2</string><key>a</key><string>keep</string></dict>\n",
        "<dict><key>ApiToken</key>\n<string>***</string><key>a</key><string>keep</string></dict>\n",
    ),
    (
        "a.xml",
        "<!-- <w:password>hunter2</w:password> --><secrets><db x=\"y\">hunter2</db><file>keep</file></secrets>\n",
        "<!-- <w:password>***</w:password> --><secrets><db x=\"y\">***</db><file>keep</file></secrets>\n",
    ),
    (
        "a.xml",
        "<entry key=\"password\">${db.password}</entry><auth>keep</auth>\n",
        "<entry key=\"password\">${db.password}</entry><auth>keep</auth>\n",
    ),
    (
        "a.xml",
        "<key name=\"password\">\n <default>''</default>\n <summary>keep</summary>\n</key>\n<p>\n and pass it on,\n</p>\n",
        "<key name=\"password\">\n <default>''</default>\n <summary>keep</summary>\n</key>\n<p>\n and pass it on,\n</p>\n",
    ),
    ("", "see <token> and\n<b>keep</b>\n", "see <token> and\n<b>keep</b>\n"),
    // A prefix says nothing.
    (
        "a.xml",
        "<p:x><p:name>db.password</p:name><p:value>hunter2</p:value></p:x>\n",
        "<p:x><p:name>db.password</p:name><p:value>***</p:value></p:x>\n",
    ),
    // A character is no quote, and a map has names.
    (
        "advanced.config",
        "[{x,[{sep,$\"},{esc,$\\\"},{password,<<\"hunter2\">>}]}].\n",
        "[{x,[{sep,$\"},{esc,$\\\"},{password,<<\"***\">>}]}].\n",
    ),
    (
        "advanced.config",
        "[{x,#{password => <<\"hunter2\">>, a => <<\"keep\">>, dn_lookup_bind => {\"keep\", \"hunter2\"}}}].\n",
        "[{x,#{password => <<\"***\">>, a => <<\"keep\">>, dn_lookup_bind => {\"keep\", \"***\"}}}].\n",
    ),
    // What looks like a comment is part of a quoted secret.
    (
        "a.conf",
        "server {\n listen 80;\n password \"abc\n#hunter2\n//hunter2\ndef\";\n # keep\n}\n",
        "server {\n listen 80;\n password ***\n\n\n;\n # keep\n}\n",
    ),
    (
        "a.conf",
        "server {\n listen 80;\n password \"abc #hunter2\ndef\";\n}\n",
        "server {\n listen 80;\n password *** \n;\n}\n",
    ),
    (
        "a.conf",
        "server {\n listen 80;\n password hunter2\n# keep\n//keep\n x y;\n}\n",
        "server {\n listen 80;\n password ***\n# keep\n//keep\n x y;\n}\n",
    ),
    // A tag ends a secret of several lines.
    (
        "a.hcl",
        "storage \"x\" {\n  password = <<EOF\nhunter2\n# hunter2\nEOF\n  a = \"keep\"\n}\n",
        "storage \"x\" {\n  password = <<EOF\n***\n***\nEOF\n  a = \"keep\"\n}\n",
    ),
    (
        "a.hcl",
        "token = <<-EOT\n    hunter2\n\n    hunter2 = 1\n  EOT\nb = 1\n# token = <<EOT\n# hunter2\n# EOT\n# keep\n",
        "token = <<-EOT\n    ***\n\n    ***\n  EOT\nb = 1\n# token = <<EOT\n# ***\n# EOT\n# keep\n",
    ),
    ("a.conf", "password = <<hunter2\nkeep\n", "password = ***\nkeep\n"),
    (
        "a.config",
        "#{token => <<\"hunter2\">>,\n a => <<\"keep\">>}.\n",
        "#{token => <<\"***\">>,\n a => <<\"keep\">>}.\n",
    ),
];

#[test]
fn passwords_in_the_rules_of_an_acl_are_masked_in_a_command_line() {
    for (command, expected) in [
        (
            "redis-server|--user|bob|on|>hunter2|~*|--port|1",
            "redis-server|--user|bob|on|>***|~*|--port|1",
        ),
        (
            "/usr/bin/valkey-server|--user|bob on >hunter2 ~*",
            "/usr/bin/valkey-server|--user|bob on >*** ~*",
        ),
        ("redis-server|--user|bob|#hunter2|on", "redis-server|--user|bob|#***|on"),
        ("app|--user|bob|>keep", "app|--user|bob|>keep"),
    ] {
        assert_eq!(mask_argv(&words(command)), words(expected));
    }
}

#[test]
fn options_in_the_value_of_an_option_are_masked() {
    for (command, expected) in [
        ("app|--opts=--password hunter2", "app|--opts=--password ***"),
        ("app|--opts=-a --keep b", "app|--opts=-a --keep b"),
    ] {
        assert_eq!(mask_argv(&words(command)), words(expected));
    }
}

#[test]
fn of_every_layout_the_secrets_are_masked_and_nothing_else() {
    for (path, text, expected) in LAYOUTS {
        let masked = String::from_utf8(mask_file(path, text.as_bytes())).unwrap_or_default();
        assert_eq!(masked, *expected, "{path}: {text}");
        assert_eq!(mask_file(path, masked.as_bytes()), masked.as_bytes(), "again: {text}");
        assert!(!masked.contains(NEEDLE), "{text}");
    }
}
