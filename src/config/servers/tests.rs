//! Servers by their command lines, on files as their packages have them.

use super::super::COMMAND_LINE;
use super::super::include::Listed;
use super::super::lookup::FakeFiles;
use super::*;

/// The files of each configuration, and the values with their places.
fn read(command: &str, files: &[(&str, &str)]) -> (Vec<Vec<String>>, Vec<String>) {
    read_as(command, &[], files)
}

fn read_as(
    command: &str,
    environment: &[(&str, &str)],
    files: &[(&str, &str)],
) -> (Vec<Vec<String>>, Vec<String>) {
    // `PARENT > COMMAND`
    let (parent, command) = command.split_once(" > ").unwrap_or(("", command));
    let words = |text: &str| text.split('|').map(str::to_owned).collect::<Vec<String>>();
    let parent = if parent.is_empty() { Vec::new() } else { words(parent) };
    let command = words(command);
    let environment: Vec<(String, String)> =
        environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let name = command.first().map_or("", |word| word.split([' ', ':']).next().unwrap_or_default());
    let process = Process {
        names: &[name],
        command: &command,
        directory: "/opt/app",
        environment: &environment,
        parent: &parent,
    };
    let trees = configurations(&process, &FakeFiles(files));
    let mut values = Vec::new();
    for tree in &trees {
        for group in &tree.parsed.groups {
            for option in &group.options {
                for value in &option.values {
                    let file = match value.file {
                        COMMAND_LINE => "command line",
                        file => tree.files.get(file).map_or("", |file| base_name(&file.path)),
                    };
                    let (group, name, text) = (&group.name, &option.name, &value.text);
                    values.push(format!("{group}.{name}={text} {file}:{}", value.line));
                }
            }
        }
        for note in &tree.parsed.notes {
            values.push(format!("note {}: {}", note.line, note.what));
        }
    }
    let path = |file: &Listed| match file.doubt {
        Some(_) => format!("not {}", file.path),
        None => file.path.clone(),
    };
    let paths = |tree: &Tree| tree.files.iter().map(path).collect();
    (trees.iter().map(paths).collect(), values)
}

#[test]
fn nginx_includes_files_in_the_blocks_where_it_names_them() {
    let files = [
        (
            "/etc/nginx/nginx.conf",
            "include modules/*.conf;\nhttp {\n  include sites/*;\n gzip on;\n}\n",
        ),
        ("/etc/nginx/sites/b", "server { listen 81; include snip; }\n"),
        ("/etc/nginx/sites/a", "server {\n listen 80;\n include snip; }\n } stray on;\n"),
        ("/etc/nginx/snip", "root /srv;"),
    ];
    let (paths, values) = read("nginx: master process /usr/sbin/nginx -g daemon on;", &files);
    let names = ["nginx.conf", "sites/a", "snip", "sites/b"];
    assert_eq!(paths, [names.map(|name| format!("/etc/nginx/{name}"))]);
    for expected in [
        "http/server.listen=80 a:2",
        "http/server.root=/srv snip:1",
        "http/server #2.listen=81 b:1",
        "http/server #2.root=/srv snip:1",
        // A brace too many closes no block of the file around.
        "http.stray=on a:4",
        "http.gzip=on nginx.conf:4",
    ] {
        assert!(values.iter().any(|value| value == expected), "{expected}: {values:?}");
    }
    let (paths, _) = read("/usr/sbin/nginx|-p|/opt/n/|-c|conf/x.conf", &[]);
    assert_eq!(paths, [["/opt/n/conf/x.conf"]]);
}

#[test]
fn postgres_reads_what_alter_system_set_last() {
    let files = [
        (
            "/etc/pg/postgresql.conf",
            "data_directory = '/var/pg'\nhba_file = '/etc/pg/hba.conf'\nport = 1\n\
             include_dir = 'conf.d'\ninclude_if_exists 'none.conf'\nwork_mem = 4MB\n",
        ),
        ("/etc/pg/conf.d/a.conf", "port = 2\nWORK_MEM = 8MB\n"),
        ("/etc/pg/conf.d/.b.conf", "port = 9\n"),
        ("/etc/pg/conf.d/b.bak", "port = 9\n"),
        ("/etc/pg/hba.conf", "local all all peer\n"),
        ("/var/pg/postgresql.auto.conf", "# c\nport = '3'\n"),
        (
            "/opt/app/postmaster.opts",
            "/usr/bin/postgres \"-D\" \"/var/pg\" \"-c\" \"config_file=/etc/pg/postgresql.conf\"\n",
        ),
    ];
    let command = "postgres|-D|/var/pg|-c|config_file=/etc/pg/postgresql.conf";
    for command in [command, "postgres: 15/main: checkpointer "] {
        let (paths, values) = read(command, &files);
        assert_eq!(
            paths,
            [
                vec![
                    "/etc/pg/postgresql.conf",
                    "/etc/pg/conf.d/a.conf",
                    "/var/pg/postgresql.auto.conf"
                ],
                vec!["/etc/pg/hba.conf"],
                vec!["/var/pg/pg_ident.conf"]
            ]
        );
        for expected in
            ["main.port=3 postgresql.auto.conf:2", "main.WORK_MEM=4MB postgresql.conf:6"]
        {
            assert!(values.iter().any(|value| value == expected), "{expected}: {values:?}");
        }
        assert!(values.iter().any(|value| value == "raw.=local all all peer hba.conf:1"));
        let named = "main.config_file=/etc/pg/postgresql.conf command line:0";
        assert!(values.iter().any(|value| value == named), "{values:?}");
    }
    let data = [("/d/postgresql.conf", "a = 1\n")];
    assert_eq!(read_as("postgres", &[("PGDATA", "/d")], &data).1, ["main.a=1 postgresql.conf:1"]);
    assert!(read("postgres", &[]).0.is_empty());
}

#[test]
fn the_other_servers_of_the_table_read_what_their_manuals_say() {
    let redis = [
        ("/opt/app/r.conf", "include /etc/more.conf\nmaxmemory 1\n"),
        ("/etc/more.conf", "Maxmemory 2\nsave 1 1\nsave 2 2\n"),
    ];
    assert_eq!(
        read("redis-server|./r.conf|--port|1", &redis).1,
        [
            "main.include=/etc/more.conf r.conf:1",
            "main.Maxmemory=1 r.conf:2",
            "main.save=1 1 more.conf:2",
            "main.save=2 2 more.conf:3",
            "main.port=1 command line:0"
        ]
    );

    let haproxy = [("/h/b.cfg", "global\n a 1\n"), ("/h/a.cfg", ""), ("/h/c.txt", "")];
    assert_eq!(
        read("haproxy|-Ws|-f|/h|-f|/i.cfg", &haproxy).0,
        [["/h/a.cfg", "/h/b.cfg", "/i.cfg"]]
    );

    let mysql = [
        ("/etc/mysql/my.cnf", "[mysqld]\nport=1\n!includedir /etc/mysql/d/\n"),
        ("/etc/mysql/d/a.cnf", "[mysqld]\nport=2 # c\n"),
        ("/etc/mysql/d/a.txt", "[mysqld]\nport=3\n"),
        ("/root/.my.cnf", "[mysqld]\nsocket=x\n"),
    ];
    let (paths, values) = read_as("mariadbd", &[("HOME", "/root")], &mysql);
    assert_eq!(paths, [["/etc/mysql/my.cnf", "/etc/mysql/d/a.cnf", "/root/.my.cnf"]]);
    assert!(values.contains(&"mysqld.port=2 a.cnf:2".to_owned()), "{values:?}");
    assert!(read("mysqld|--no-defaults", &mysql).0.is_empty());
    assert_eq!(read("mysqld|--defaults-file=/x.cnf", &mysql).0, [["/x.cnf"]]);

    let apache = [
        (
            "/etc/apache2/apache2.conf",
            "IncludeOptional mods/*.load\nInclude sites\nInclude ${X}/a\n",
        ),
        ("/etc/apache2/sites/a.conf", "<VirtualHost *:80>\nServerName a\n</VirtualHost>\n"),
        ("/etc/apache2/sites/more/b.conf", "Listen 80\n"),
    ];
    let (paths, values) = read("apache2|-k|start", &apache);
    assert_eq!(
        paths.concat(),
        [
            "/etc/apache2/apache2.conf",
            "/etc/apache2/sites/a.conf",
            "/etc/apache2/sites/more/b.conf"
        ]
    );
    assert!(values.contains(&"VirtualHost *:80.ServerName=a a.conf:2".to_owned()), "{values:?}");
    assert!(values.iter().any(|value| value.starts_with("note 3: ")), "{values:?}");

    let sshd = [
        ("/etc/ssh/sshd_config", "Include sshd_config.d/*.conf\nPermitRootLogin yes\n"),
        ("/etc/ssh/sshd_config.d/a.conf", "PermitRootLogin no\nMatch User a\nX11Forwarding yes\n"),
    ];
    let (_, values) = read("sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups", &sshd);
    assert!(values.contains(&"main.PermitRootLogin=no a.conf:1".to_owned()), "{values:?}");
    assert!(values.contains(&"Match User a.X11Forwarding=yes a.conf:3".to_owned()), "{values:?}");

    let rabbit = [
        ("/etc/rabbitmq/rabbitmq.conf", "listeners.tcp.default = 5672\n"),
        ("/etc/rabbitmq/conf.d/10.conf", "listeners.tcp.default = 5673\n"),
        ("/etc/rabbitmq/advanced.config", "[].\n"),
    ];
    // Erlang's launcher gives the whole path.
    let command = "/usr/lib/erlang/erts-13.1.5/bin/beam.smp|-noshell|-s|rabbit|boot";
    let (paths, values) = read(command, &rabbit);
    assert_eq!(paths.concat().len(), 3);
    assert!(values.contains(&"main.listeners.tcp.default=5673 10.conf:1".to_owned()), "{values:?}");
    assert!(read("beam.smp|-noshell", &rabbit).0.is_empty());
    let named = read_as(
        "beam.smp|-s|rabbit",
        &[("RABBITMQ_CONFIG_FILE", "/etc/rabbitmq/rabbitmq")],
        &rabbit,
    );
    assert_eq!(named.0.first().map(Vec::len), Some(2));
}

#[test]
fn the_title_of_a_redis_tells_whether_it_has_read_the_default_file() {
    let of = |title: &str, text: &str| {
        let files = [("/etc/redis/redis.conf", text), ("/etc/redis/sentinel.conf", "")];
        read(title, &files).0.concat()
    };
    let (yes, no) = (["/etc/redis/redis.conf"], ["not /etc/redis/redis.conf"]);
    let local = "bind 127.0.0.1 -::1\nport 6379\n";
    assert_eq!(of("redis-server 127.0.0.1:6379", local), yes);
    assert_eq!(of("redis-server *:6379", local), no);
    assert_eq!(of("redis-server 127.0.0.1:28379", local), no);
    assert_eq!(of("redis-server unixsocket:/run/redis.sock", local), no);
    assert_eq!(of("redis-server *:6379 [cluster]", ""), yes);
    assert_eq!(of("redis-server ::1:1", "bind -::1\nport 1\n"), yes);
    assert_eq!(of("redis-server *:2", "port 0\ntls-port 2\n"), yes);
    let socket = "port 0\nunixsocket /run/redis.sock\n";
    assert_eq!(of("redis-server unixsocket:/run/redis.sock", socket), yes);
    assert_eq!(of("redis-sentinel *:26379 [sentinel]", ""), ["/etc/redis/sentinel.conf"]);
    assert_eq!(of("redis-server *:6379 /srv/x.conf", local), ["/srv/x.conf"]);
    // What it was called with is known: no file.
    for command in ["redis-server", "redis-server|--port|28380"] {
        assert!(!of(command, local).contains(&yes[0].to_owned()), "{command}");
    }
    assert_eq!(of("redis-server|relative", local), ["/opt/app/relative"]);
    let (_, values) = read("redis-server *:7", &[]);
    let hidden = "note 0: the title of the process hides which file and options it runs with";
    assert_eq!(values, [hidden]);
    let (_, values) = read("redis-server *:7", &[("/etc/redis/redis.conf", local)]);
    assert!(values.is_empty(), "{values:?}");
}

#[test]
fn a_worker_reads_what_its_master_was_told_to() {
    let files = [
        ("/etc/nginx/nginx.conf", ""),
        ("/srv/x.conf", "user a;\n"),
        ("/opt/n/conf/nginx.conf", ""),
        ("/usr/share/nginx/conf/y.conf", ""),
    ];
    for (command, path) in [
        ("nginx: master process nginx -c /srv/x.conf > nginx: worker process", "/srv/x.conf"),
        ("nginx|-c|/srv/x.conf > nginx: cache manager process", "/srv/x.conf"),
        (
            "nginx: master process nginx -p /opt/n/ > nginx: worker process",
            "/opt/n/conf/nginx.conf",
        ),
        ("nginx: master process nginx -c conf/y.conf", "/usr/share/nginx/conf/y.conf"),
        ("nginx: master process nginx -c z.conf", "/opt/app/z.conf"),
        ("nginx: worker process", "/etc/nginx/nginx.conf"),
        ("nginx: worker process > nginx: worker process", "/etc/nginx/nginx.conf"),
    ] {
        assert_eq!(read(command, &files).0, [[path]], "{command}");
    }
    let why = |title: &str| {
        let command = [title.to_owned()];
        let process = Process {
            names: &["nginx"],
            command: &command,
            directory: "/opt/app",
            environment: &[],
            parent: &[],
        };
        configurations(&process, &FakeFiles(&files))[0].files[0].why.clone()
    };
    assert_eq!(why("nginx: master process nginx"), "a default of this server");
    assert!(why("nginx: worker process").contains("whose title may hide another file"));
    let elsewhere = "named by -c, relative to its working directory, which it may have changed";
    assert_eq!(why("nginx: master process nginx -c z.conf"), elsewhere);
    let sshd = [("/etc/ssh/a", "Port 1\n")];
    let listener = "sshd: /usr/sbin/sshd -f /etc/ssh/a [listener] 0 of 10-100 startups";
    assert_eq!(read(&format!("{listener} > sshd: user [priv]"), &sshd).0, [["/etc/ssh/a"]]);
}

#[test]
fn options_of_the_command_line_win_over_the_files() {
    let nginx = [("/x.conf", "user a;\n")];
    for command in [
        "nginx|-g|daemon off; worker_processes 3;|-c|/x.conf",
        "nginx: master process nginx -g daemon off; worker_processes 3; -c /x.conf",
        "nginx: master process nginx -c /x.conf -g daemon off; worker_processes 3; > nginx: worker process",
    ] {
        let expected = [
            "main.user=a x.conf:1",
            "main.daemon=off command line:1",
            "main.worker_processes=3 command line:1",
        ];
        let (paths, values) = read(command, &nginx);
        assert_eq!(
            (&paths[..], &values[..]),
            (&[vec!["/x.conf".to_owned()]][..], &expected.map(str::to_owned)[..]),
            "{command}"
        );
    }

    let postgres = [
        ("/d/postgresql.conf", "port = 1\nwork_mem = 4MB\nfsync = on\n"),
        ("/d/postgresql.auto.conf", "work_mem = '12MB'\nmax_connections = 100\n"),
    ];
    let command =
        "postgres|-D|/d|-c|work_mem=10MB|--max-connections=20|-Fp|5433|-c|guru.x=a=b|-B64MB";
    let (_, values) = read(command, &postgres);
    assert_eq!(
        values,
        [
            "main.port=5433 command line:0",
            "main.work_mem=10MB command line:0",
            "main.fsync=off command line:0",
            "main.max_connections=20 command line:0",
            "main.guru.x=a=b command line:0",
            "main.shared_buffers=64MB command line:0"
        ]
    );
    // A child, by its parent.
    assert_eq!(read(&format!("{command} > postgres: checkpointer "), &postgres).1, values);

    let redis = [("/r.conf", "maxmemory 100mb\nsave 1 1\n"), ("/i.conf", "port 3\n")];
    let command =
        "redis-server|/r.conf|--maxmemory|70mb|--save|60|1|--loglevel debug|--include|/i.conf";
    assert_eq!(
        read(command, &redis).1,
        [
            "main.maxmemory=70mb command line:0",
            "main.save=1 1 r.conf:2",
            "main.save=60 1 command line:0",
            "main.loglevel=debug command line:0",
            "main.include=/i.conf command line:0",
            "main.port=3 i.conf:1"
        ]
    );
    assert_eq!(read("redis-server|--sentinel|--port|1", &[]).1, ["main.port=1 command line:0"]);

    let mysql = [("/x.cnf", "[mysqld]\nmax_connections=5\n")];
    let command =
        "mysqld|--defaults-file=/x.cnf|--max-connections=7|--skip-networking|--port|1|-u|m";
    assert_eq!(
        read(command, &mysql).1,
        [
            "mysqld.max_connections=7 command line:0",
            "mysqld.skip-networking= command line:0",
            "mysqld.port=1 command line:0",
            "mysqld.user=m command line:0"
        ]
    );
    let (paths, values) = read("mysqld|--no-defaults|--port=1", &mysql);
    assert_eq!(
        (paths.concat().len(), &values[..]),
        (0, &["mysqld.port=1 command line:0".to_owned()][..])
    );

    let sshd = [("/s", "PermitRootLogin no\n")];
    assert_eq!(
        read("sshd|-D|-f|/s|-o|PermitRootLogin=yes", &sshd).1,
        ["main.PermitRootLogin=yes command line:0"]
    );
}

#[test]
fn includes_without_end_are_noted_and_end() {
    let itself = [("/etc/redis.conf", "include /etc/redis.conf\nport 1\n")];
    let (_, values) = read("redis-server|/etc/redis.conf", &itself);
    assert!(values.contains(&"note 1: it includes itself; not followed".to_owned()), "{values:?}");
    assert!(values.contains(&"main.port=1 redis.conf:2".to_owned()), "{values:?}");

    let deep: Vec<(String, String)> = (0..40)
        .map(|n| (format!("/etc/{n}"), format!("include /etc/{}\nport {n}\n", n + 1)))
        .collect();
    let mut deep: Vec<(&str, &str)> = deep.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    deep.push(("/etc/redis.conf", "include /etc/0\n"));
    let (paths, values) = read("redis-server|/etc/redis.conf", &deep);
    assert_eq!(paths.concat().len(), crate::config::include::MAX_DEPTH);
    assert!(values.iter().any(|value| value.contains("too deeply")), "{values:?}");

    let many = "include /etc/d/*\n".repeat(50);
    let names: Vec<String> = (0..300).map(|n| format!("/etc/d/{n}")).collect();
    let mut files: Vec<(&str, &str)> =
        names.iter().map(|name| (name.as_str(), "port 1\n")).collect();
    files.push(("/etc/redis.conf", &many));
    let (paths, values) = read("redis-server|/etc/redis.conf", &files);
    assert_eq!(paths.concat().len(), crate::config::include::MAX_FILES);
    assert!(values.iter().any(|value| value.contains("too many files")));
    assert!(values.len() < 20_000);

    let large = "port 1\n".repeat(140_000);
    let names: Vec<String> = (0..20).map(|n| format!("/etc/d/{n}")).collect();
    let mut files: Vec<(&str, &str)> =
        names.iter().map(|name| (name.as_str(), large.as_str())).collect();
    files.push(("/etc/redis.conf", "include /etc/d/*\n"));
    let (_, values) = read("redis-server|/etc/redis.conf", &files);
    assert!(values.iter().any(|value| value.contains("too large in all")));
}

proptest::proptest! {
    #[test]
    fn no_files_make_a_server_fail(
        server in 0_usize..9,
        words in "(-c|-f|-D|-p|=|/|etc|conf| |\\||redis|\"|[a-d*?\\[\\]!^-]){0,20}",
        texts in proptest::collection::vec(
            "(include(_dir|_if_exists|dir)? |Include |!include |!includedir |/etc/|/d/|[abc*?\\[\\]{}<>;=\"' ]|\n){0,60}",
            4,
        ),
    ) {
        let (name, main) = [
            ("nginx", "/etc/nginx/nginx.conf"),
            ("redis-server", "/etc/redis.conf"),
            ("haproxy", "/etc/haproxy/haproxy.cfg"),
            ("mysqld", "/etc/my.cnf"),
            ("apache2", "/etc/apache2/apache2.conf"),
            ("sshd", "/etc/ssh/sshd_config"),
            ("supervisord", "/etc/supervisord.conf"),
            ("postgres", "/opt/app/postgresql.conf"),
            ("beam.smp|-s|rabbit", "/etc/rabbitmq/rabbitmq.conf"),
        ][server];
        let paths = [main, "/etc/a", "/d/b", "/d/a"];
        let files: Vec<(&str, &str)> =
            paths.into_iter().zip(texts.iter().map(String::as_str)).collect();
        let (found, _) = read(&format!("{name}{words}"), &files);
        proptest::prop_assert!(found.concat().len() <= 3 * crate::config::include::MAX_FILES);
        read(name, &files);
    }
}
