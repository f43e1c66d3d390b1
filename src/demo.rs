//! `guru demo`: a small service with something to see, and a report on it, so that the first
//! command shows a whole report without root and without a victim.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Barrier, Mutex, PoisonError, mpsc};
use std::time::Duration;

use guru::asked::Asked;
use guru::error::{Error, Status};
use guru::inspect::{Options, inspect};
use guru::new_file::NewFile;

use crate::output::{Printer, Sink, complain, deadline};
use crate::{cli, print};

/// What the service is configured with. The password is there to be masked.
const CONFIGURATION: &str = "\
[DEFAULT]
workers = 3
[database]
connection = mysql://demo:not-in-the-report@127.0.0.1/demo
[auth]
username = demo
password = not-in-the-report
";

/// How long the demo may take: a service that never becomes ready is not waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A script with threads and asyncio tasks, for where there is a Python.
const SCRIPT: &str = include_str!("demo.py");

/// Starts the service, and where there is a python3 the script, and reports on them.
pub fn run(options: &cli::Demo) -> Result<Status, Error> {
    let mut sink = Sink::open(options.output.output.as_deref())?;
    let printer = Printer::of(&options.output);
    deadline(PATIENCE);
    let asked = Asked { native: options.output.native_stacks(), ..Asked::default() };
    let inspected = Options { asked, ..Options::default() };
    let place = Place::make()?;
    let own = std::env::current_exe().map_err(|error| failed("find its own program", &error))?;
    let mut service = Command::new(own);
    service.arg("demo-service").arg("--config-file").arg(&place.configuration);
    let service = Service::start(service)?;
    let evidence = inspect(service.pid(), inspected.clone())?;
    let mut partial = print(&evidence, printer, &mut sink)?.is_partial();
    drop(service);

    let mut script = Command::new("python3");
    script.arg(&place.script).arg("--config-file").arg(&place.configuration);
    // A second report is for eyes; into a file or for a program there is one.
    if options.output.output.is_none() && options.output.format != "json" {
        match Service::start(script) {
            Ok(service) => {
                let evidence = inspect(service.pid(), inspected.clone())?;
                partial |= print(&evidence, printer, &mut sink)?.is_partial();
            }
            Err(_) => complain("no python3 was found to show the second half of the demo"),
        }
    }
    sink.close();
    Ok(if partial { Status::Partial } else { Status::Complete })
}

/// Is the service: four threads, two of which want a lock that the third holds.
pub fn serve(options: &cli::DemoService) -> Result<Status, Error> {
    let read = std::fs::read_to_string(&options.config_file);
    read.map_err(|error| failed("read its configuration", &error))?;
    let lock = Arc::new(Mutex::new(()));
    let held = Arc::new(Barrier::new(2));
    let (_sender, jobs) = mpsc::channel::<()>();
    {
        let (lock, held) = (Arc::clone(&lock), Arc::clone(&held));
        start("holder", move || {
            let _guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
            held.wait();
            let _ = jobs.recv();
        })?;
    }
    held.wait();
    // A thread has its name only when it has begun.
    let begun = Arc::new(Barrier::new(3));
    for name in ["worker-1", "worker-2"] {
        let (lock, begun) = (Arc::clone(&lock), Arc::clone(&begun));
        start(name, move || {
            begun.wait();
            drop(lock.lock());
        })?;
    }
    begun.wait();
    announce().map_err(|error| failed("say that it is ready", &error))?;
    // It lives until whoever started it is gone.
    let _ = io::stdin().read_to_end(&mut Vec::new());
    Ok(Status::Complete)
}

fn announce() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "ready")?;
    out.flush()
}

fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    thread.map(drop).map_err(|error| failed("start a thread", &error))
}

/// A running child that is stopped when it is dropped.
struct Service(Child);

impl Service {
    /// Starts it and waits until it says that it is ready.
    fn start(mut command: Command) -> Result<Service, Error> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let child = command.spawn().map_err(|error| failed("start its service", &error))?;
        let mut service = Service(child);
        let mut line = String::new();
        if let Some(out) = service.0.stdout.take() {
            // At the end of the output the service has failed, and has said why itself.
            let _ = BufReader::new(out).read_line(&mut line);
        }
        if line.trim() != "ready" {
            return Err(failed("see its service ready", &io::Error::other("it ended")));
        }
        Ok(service)
    }

    fn pid(&self) -> i32 {
        self.0.id().cast_signed()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It is gone already, or goes now.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A directory of the demo's own, removed at the end.
struct Place {
    directory: PathBuf,
    configuration: PathBuf,
    script: PathBuf,
}

impl Place {
    fn make() -> Result<Place, Error> {
        let directory = std::env::temp_dir().join(format!("guru-demo-{}", std::process::id()));
        std::fs::create_dir(&directory).map_err(|error| failed("make its directory", &error))?;
        let (configuration, script) = (directory.join("demo.conf"), directory.join("demo.py"));
        let place = Place { directory, configuration, script };
        fill(&place.configuration, CONFIGURATION)?;
        fill(&place.script, SCRIPT)?;
        Ok(place)
    }
}

fn fill(path: &Path, text: &str) -> Result<(), Error> {
    let written = NewFile::create(path).and_then(|file| {
        file.fill(|mut file| file.write_all(text.as_bytes()))?;
        file.keep();
        Ok(())
    });
    written.map_err(|error| failed("write its files", &error))
}

impl Drop for Place {
    fn drop(&mut self) {
        // What is left is in a directory for temporary files.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn failed(doing: &str, error: &io::Error) -> Error {
    Error::Demo { doing: doing.to_owned(), why: error.to_string() }
}
