//! The Package section: what runs, who made it, which version.
//!
//! A Python service is the distribution that owns its script; any other program is the package
//! of the operating system's distribution that owns its executable. Beside stand the packages of the
//! mapped libraries, what a build left in the program, and where it runs (unit, container).
//! Everything is read from files in the target's root, as they are now: what the process started
//! with may have been replaced since, and where that shows, a field or a note says so.

pub mod build;
pub mod container;
mod executable;
mod libraries;
pub mod python;
mod reader;
mod similar;
mod stanza;
pub mod system;

use crate::evidence::Snapshot;
use crate::evidence::files::Files;
use crate::module::Modules;
use crate::note::Note;
use crate::report::Field;
use crate::target::cgroup;
use crate::text::Text;

pub use python::Interpreter;

use build::Build;
use container::Container;
use executable::{Executable, OnDisk};
use python::{Distribution, Origin, Service};
use reader::Reader;
use system::{Owner, SystemPackage};

/// What GMR prints of a package; what is not known stays `None`.
#[derive(Clone, Debug, Default)]
struct Product {
    name: Option<Text>,
    vendor: Option<Text>,
    version: Option<Text>,
}

/// The fields of the section, and what was noticed.
pub fn package(
    snapshot: &Snapshot,
    files: &Files,
    modules: &Modules<'_>,
    interpreter: Option<Interpreter<'_>>,
) -> (Vec<Field>, Vec<Note>) {
    let mut notes = Vec::new();
    let executable = Executable::of(snapshot, files, modules);
    let path = executable.as_ref().map(|executable| executable.path);
    let libraries = libraries::libraries(files, modules, path);
    let paths = libraries.iter().map(|library| (library.path, false));
    let paths: Vec<(&str, bool)> = path.map(|path| (path, true)).into_iter().chain(paths).collect();
    let mut owners = system::owners(files, &paths).into_iter();
    let owner = path.and_then(|_| owners.next());
    let owners: Vec<Owner> = owners.collect();
    let service = interpreter.map(|python| {
        python::service(snapshot, files, python, path.unwrap_or("python"), &mut notes)
    });
    let package = executable
        .as_ref()
        .and_then(|executable| system_package(executable, owner.as_ref()?, &mut notes));

    let image = executable.as_ref().and_then(|executable| executable.module?.image().ok());
    let build = image.and_then(Build::of);
    let embedded = path.is_some_and(|path| !python::command::is_interpreter(path));
    let product = match &service {
        Some(service) if service.distribution.is_some() || !embedded => {
            of_service(service, files, &mut notes)
        }
        _ => of_program(package.as_ref(), path, build.as_ref(), files),
    };

    let mut fields = Fields::default();
    fields.gmr("product", product.name);
    fields.gmr("vendor", product.vendor);
    fields.gmr("version", product.version);
    let reader = Reader::new(files);
    if let Some(Service { script, distribution, .. }) = service {
        fields.more("script", script);
        if let Some(Distribution { path, .. }) = distribution {
            let Origin { installer, source } = python::origin(&reader, &path);
            fields.more("editable install", python::sources(&reader, &path));
            fields.more("distribution", Some(path));
            fields.more("installer", installer);
            fields.more("installed from", source);
        }
    }
    fields.more(
        "interpreter",
        interpreter.map(|python| format!("CPython {} ({})", python.version, python.path.raw())),
    );
    fields.more("executable", path);
    let on_disk = executable.as_ref().map(|executable| executable.on_disk);
    fields.more("executable on disk", on_disk.and_then(OnDisk::words));
    fields.more("build id", executable.as_ref().and_then(Executable::build_id));
    fields.more("distribution package", package.map(|package| package.line()));
    fields.more("package note", image.and_then(system::note_of_image));
    if let Some(build) = build {
        build.show(&mut fields);
    }
    show_place(snapshot, files, &mut fields);
    libraries::show(&libraries, &owners, &mut fields);
    if let Some(python) = interpreter {
        let started = snapshot.target.process.started;
        python::show_loaded(&reader, python.loaded, started, &mut fields);
    }
    (fields.0, notes)
}

/// Where the process runs: its unit of systemd and its container.
fn show_place(snapshot: &Snapshot, files: &Files, fields: &mut Fields) {
    let cgroup = snapshot.target.cgroup.as_ref().map_or("", Text::raw);
    if let Some(unit) = cgroup::unit(cgroup) {
        fields.more("systemd unit", Some(unit.name));
        fields.more("systemd slice", unit.slice);
        fields.more("systemd user", unit.user);
    }
    if let Some(container) = Container::of(&snapshot.target, files) {
        fields.more("container", Some(container.line()));
        fields.more("container image", container.image);
        fields.more("pod", container.pod);
    }
}

/// The fields of the section, as they are put together.
#[derive(Debug, Default)]
struct Fields(Vec<Field>);

impl Fields {
    /// A field that every GMR has.
    fn gmr(&mut self, name: &str, value: Option<Text>) {
        self.0.push(Field { name: name.into(), value, in_gmr: true });
    }

    /// A field of our own; left out where there is nothing to show.
    fn more(&mut self, name: &str, value: Option<impl Into<Text>>) {
        if let Some(value) = value {
            self.0.push(Field { name: name.into(), value: Some(value.into()), in_gmr: false });
        }
    }
}

/// The package of the distribution that the executable comes from. The database is asked first,
/// for it knows the package's own version; the file's own note serves where there is none that
/// can be read.
fn system_package(
    executable: &Executable<'_, '_>,
    owner: &Owner,
    notes: &mut Vec<Note>,
) -> Option<SystemPackage> {
    let path = executable.path;
    let noted = || system::of_image(executable.module?.image().ok()?);
    match owner {
        Owner::Package(package) => {
            if matches!(executable.on_disk, OnDisk::Replaced | OnDisk::Deleted) {
                notes.push(remark(format!(
                    "{path} is not the file that runs: the version is that of the package \
                     installed now"
                )));
            }
            return Some(package.clone());
        }
        Owner::Nobody => notes.push(remark(format!("no distribution package owns {path}"))),
        Owner::NotKnown(why) => notes.push(remark(format!("the package of {path}: {why}"))),
        Owner::NoDatabase => notes.push(remark("there is no package database")),
    }
    noted()
}

fn of_service(service: &Service, files: &Files, notes: &mut Vec<Note>) -> Product {
    if let Some(distribution) = &service.distribution {
        return Product {
            name: distribution.name.clone(),
            vendor: distribution.author.clone(),
            version: distribution.version.clone(),
        };
    }
    // Debian's own scripts belong to no Python distribution. To search for one where Debian has
    // none takes as long as all the rest of a report.
    let Some(path) = &service.path else { return Product::default() };
    let owner = system::may_install(path).then(|| system::owner(files, path));
    match owner {
        Some(Owner::Package(package)) => of_system_package(&package, files),
        Some(Owner::Nobody | Owner::NoDatabase | Owner::NotKnown(_)) | None => {
            if !service.unread {
                notes.push(remark(format!("no distribution owns {path}")));
            }
            Product::default()
        }
    }
}

fn of_program(
    package: Option<&SystemPackage>,
    path: Option<&str>,
    build: Option<&Build>,
    files: &Files,
) -> Product {
    match package {
        Some(package) => of_system_package(package, files),
        None => Product {
            name: path.and_then(|path| path.rsplit('/').next()).map(Text::from),
            vendor: None,
            // A program that was copied to its place may still know its own.
            version: build.and_then(Build::version),
        },
    }
}

/// GMR's vendor is who makes the product. A package's maintainer is the person who packed it; so
/// it is the distribution, unless the package says that it comes from elsewhere.
fn of_system_package(package: &SystemPackage, files: &Files) -> Product {
    Product {
        name: Some(package.name.clone()),
        vendor: package.origin.clone().or_else(|| system::os_name(files)),
        version: package.version.clone(),
    }
}

fn remark(message: impl Into<Text>) -> Note {
    Note::remark("package", message)
}
