//! Which paths the sources name, outside of their tests, and what each leads to.

use proc_macro2::{TokenStream, TokenTree};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, UseTree};

/// A path from its root, which is `crate` or the name of another crate.
pub type Names = Vec<String>;

/// A source file of the library, as the compiler finds it.
#[derive(Clone)]
pub struct Source {
    /// Where it lies.
    pub file: PathBuf,
    /// Its module, without `crate`.
    pub module: Names,
    /// What it says.
    pub text: String,
}

/// What a source names.
#[derive(Default)]
pub struct Named {
    /// The paths that lead out of the block they stand in.
    pub paths: BTreeSet<Names>,
    /// The methods that are called, by their names alone.
    pub methods: BTreeSet<String>,
}

/// The files of a crate that are no tests, from its root on, by the `mod` lines that declare them.
pub fn sources(root: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    let mut open = vec![(root.to_owned(), Names::new(), root.parent().unwrap().to_owned())];
    while let Some((file, module, directory)) = open.pop() {
        let text = std::fs::read_to_string(&file).unwrap();
        for item in items(&text) {
            let Item::Mod(ItemMod { ident, content: None, .. }) = item else { continue };
            let name = ident.to_string();
            let below = directory.join(&name);
            let (plain, nested) = (directory.join(format!("{name}.rs")), below.join("mod.rs"));
            let file = if plain.exists() { plain } else { nested };
            open.push((file, [&*module, &[name]].concat(), below));
        }
        found.push(Source { file, module, text });
    }
    found
}

fn items(text: &str) -> Vec<Item> {
    let mut items = syn::parse_file(text).unwrap().items;
    items.retain(|item| !is_test(attributes(item)));
    items
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether something is compiled for tests only: `#[cfg(test)]`, not `#[cfg(not(test))]`.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let list = attribute.meta.require_list();
        attribute.path().is_ident("cfg") && list.is_ok_and(|list| list.tokens.to_string() == "test")
    })
}

/// What a source names. `crates` are the other crates that there are.
pub fn named(source: &Source, crates: &[String]) -> Named {
    let mut named = Named::default();
    read_module(&items(&source.text), &source.module, crates, &mut named);
    named
}

fn read_module(items: &[Item], module: &[String], crates: &[String], named: &mut Named) {
    let inner = |item: &Item| match item {
        Item::Mod(item) => Some(item.ident.to_string()),
        _ => None,
    };
    let mut scope = Scope {
        module,
        crates,
        children: items.iter().filter_map(inner).collect(),
        aliases: HashMap::new(),
    };
    let mut uses = Uses::default();
    items
        .iter()
        .filter(|item| !matches!(item, Item::Mod(_)))
        .for_each(|item| uses.visit_item(item));
    for (name, path) in &uses.found {
        scope.aliases.entry(name.clone()).or_insert_with(|| path.clone());
    }
    let mut visitor = Paths { scope: &scope, named };
    for (_, path) in &uses.found {
        visitor.add(path);
    }
    for item in items {
        match item {
            Item::Mod(inner) => {
                let Some((_, items)) = &inner.content else { continue };
                let name = inner.ident.to_string();
                let kept: Vec<Item> =
                    items.iter().filter(|item| !is_test(attributes(item))).cloned().collect();
                read_module(&kept, &[module, &[name]].concat(), crates, visitor.named);
            }
            item => visitor.visit_item(item),
        }
    }
}

/// What names mean in a module.
struct Scope<'a> {
    module: &'a [String],
    crates: &'a [String],
    children: Vec<String>,
    /// What `use` lines anywhere in it bring in, as they say it.
    aliases: HashMap<String, Names>,
}

/// How often a name leads to another one that a `use` line brings in.
const MAX_ALIASES: usize = 8;

impl Scope<'_> {
    /// From the root, if the path leads to a module or to another crate.
    fn resolve(&self, path: &[String], left: usize) -> Option<Names> {
        let (first, rest) = path.split_first()?;
        let up = |levels: usize| -> Names {
            let kept = self.module.len().saturating_sub(levels);
            ["crate".to_owned()].into_iter().chain(self.module[..kept].iter().cloned()).collect()
        };
        match first.as_str() {
            "crate" => Some(path.to_vec()),
            "self" if !rest.is_empty() => Some([&*up(0), rest].concat()),
            "super" => {
                let levels = path.iter().take_while(|name| *name == "super").count();
                Some([&*up(levels), &path[levels..]].concat())
            }
            name => {
                let alias = self.aliases.get(name).filter(|alias| left > 0 && alias[0] != *name);
                if let Some(alias) = alias {
                    return self.resolve(&[alias, rest].concat(), left - 1);
                }
                if self.children.iter().any(|child| child == name) {
                    return Some([&*up(0), path].concat());
                }
                self.crates.iter().any(|known| known == name).then(|| path.to_vec())
            }
        }
    }
}

/// The names that `use` brings in, each with its path.
#[derive(Default)]
struct Uses {
    found: Vec<(String, Names)>,
}

impl Uses {
    fn add(&mut self, tree: &UseTree, before: &[String]) {
        match tree {
            UseTree::Path(path) => {
                self.add(&path.tree, &[before, &[path.ident.to_string()]].concat());
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add(tree, before)),
            UseTree::Name(name) => {
                self.bring(&name.ident.to_string(), &name.ident.to_string(), before)
            }
            UseTree::Rename(renamed) => {
                self.bring(&renamed.rename.to_string(), &renamed.ident.to_string(), before);
            }
            UseTree::Glob(_) => self.found.push(("*".to_owned(), before.to_vec())),
        }
    }

    fn bring(&mut self, name: &str, of: &str, before: &[String]) {
        let (name, path) = match (of, before.last()) {
            ("self", Some(last)) if name == "self" => (last.clone(), before.to_vec()),
            ("self", Some(_)) => (name.to_owned(), before.to_vec()),
            _ => (name.to_owned(), [before, &[of.to_owned()]].concat()),
        };
        self.found.push((name, path));
    }
}

impl<'ast> Visit<'ast> for Uses {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add(&item.tree, &[]);
    }
}

/// Gathers all paths of a module.
struct Paths<'a, 'n> {
    scope: &'a Scope<'a>,
    named: &'n mut Named,
}

impl Paths<'_, '_> {
    fn add(&mut self, path: &[String]) {
        self.named.paths.extend(self.scope.resolve(path, MAX_ALIASES));
    }

    /// What a macro is called with is no syntax tree: every `a::b` in it is taken for a path.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path: Names = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match &token {
                TokenTree::Ident(ident) if colons == 2 => path.push(ident.to_string()),
                TokenTree::Ident(ident) => {
                    self.add(&path);
                    path = vec![ident.to_string()];
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                other => {
                    self.add(&path);
                    path.clear();
                    if let TokenTree::Group(group) = other {
                        self.add_tokens(group.stream());
                    }
                }
            }
            colons = 0;
        }
        self.add(&path);
    }
}

impl<'ast> Visit<'ast> for Paths<'_, '_> {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Names = path.segments.iter().map(|part| part.ident.to_string()).collect();
        self.add(&names);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        self.add_tokens(invocation.tokens.clone());
        visit::visit_macro(self, invocation);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.named.methods.insert(call.method.to_string());
        visit::visit_expr_method_call(self, call);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_use(&mut self, _: &'ast syn::ItemUse) {}
}
