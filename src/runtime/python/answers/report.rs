//! A report of oslo.reports that a function of its module is to make. Such a function has what it
//! needs in variables of the one that defined it, with the same names from 0.6 to 3.9: `cls`,
//! `version`, `service_name`, `log_dir`.

use crate::addr::Addr;
use crate::runtime::OwnReport;
use crate::runtime::python::layout::flags;
use crate::runtime::python::objects::Objects;
use crate::text::Text;

/// The report, by those variables; `None` where they are not there.
pub fn read(
    objects: &Objects<'_>,
    variable: impl Fn(&'static str) -> Option<Addr>,
) -> Option<OwnReport> {
    let class = variable("cls").filter(|class| objects.has_flag(*class, flags::TYPE) == Some(true));
    let name = objects.pointer(class?, objects.layout.object.qualified_name)?;
    Some(OwnReport {
        class: objects.text(name)?,
        log_dir: optional(objects, variable("log_dir")?)?,
        service: optional(objects, variable("service_name")?)?,
    })
}

/// A text or `None`; nothing for what is neither.
fn optional(objects: &Objects<'_>, object: Addr) -> Option<Option<Text>> {
    match objects.is_exactly(object, "NoneType") {
        true => Some(None),
        false => objects.text(object).map(Some),
    }
}
