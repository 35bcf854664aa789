//! Where functions and tests lie in a Rust file.

use std::ops::RangeInclusive;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItemFn, Item, ItemFn, ItemMod, Signature, TraitItemFn};

/// Lines from 1, both ends included.
pub(crate) type Lines = RangeInclusive<usize>;

/// What the syntax tree tells of lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Regions {
    /// Functions with a body, nested ones too, from `fn` to the closing brace.
    pub(crate) functions: Vec<(String, Lines)>,
    /// Items that only exist for tests.
    pub(crate) tests: Vec<Lines>,
    /// Modules in other files that only exist for tests.
    pub(crate) test_modules: Vec<String>,
}

impl Regions {
    /// Parses a file.
    pub(crate) fn of(text: &str) -> syn::Result<Self> {
        let mut regions = Self::default();
        regions.visit_file(&syn::parse_file(text)?);
        Ok(regions)
    }

    fn function(&mut self, signature: &Signature, body: &syn::Block) {
        let start = signature.fn_token.span.start().line;
        let lines = start..=body.brace_token.span.close().end().line;
        self.functions.push((signature.ident.to_string(), lines));
    }

    fn test(&mut self, attributes: &[Attribute], item: &impl Spanned) {
        if attributes.iter().any(is_test) {
            let span = item.span();
            self.tests.push(span.start().line..=span.end().line);
        }
    }
}

impl<'ast> Visit<'ast> for Regions {
    fn visit_item(&mut self, item: &'ast Item) {
        match item {
            Item::Fn(it) => self.test(&it.attrs, it),
            Item::Impl(it) => self.test(&it.attrs, it),
            Item::Mod(it) => self.test(&it.attrs, it),
            Item::Use(it) => self.test(&it.attrs, it),
            Item::Const(it) => self.test(&it.attrs, it),
            Item::Struct(it) => self.test(&it.attrs, it),
            Item::Macro(it) => self.test(&it.attrs, it),
            _ => {}
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if module.content.is_none() && module.attrs.iter().any(is_test) {
            self.test_modules.push(module.ident.to_string());
        }
        visit::visit_item_mod(self, module);
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.function(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.test(&function.attrs, function);
        self.function(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        if let Some(body) = &function.default {
            self.function(&function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

/// `#[test]` in any spelling, or a `#[cfg]` that demands `test`.
fn is_test(attribute: &Attribute) -> bool {
    let last = attribute.path().segments.last();
    if last.is_some_and(|segment| segment.ident == "test") {
        return true;
    }
    let condition = attribute.meta.require_list().map(|list| list.tokens.to_string());
    attribute.path().is_ident("cfg")
        && condition.is_ok_and(|text| {
            let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
            words.any(|word| word == "test") && !text.contains("not")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_span_from_fn_to_the_closing_brace() {
        let text =
            "/// Doc.\n#[inline]\npub fn one(\n    a: u8,\n) {\n}\ntrait T { fn two() {} }\n";
        let found = Regions::of(text).unwrap().functions;
        assert_eq!(found, [("one".into(), 3..=6), ("two".into(), 7..=7)]);
    }

    #[test]
    fn test_items_are_found_in_every_spelling() {
        let text = "#[test]\nfn a() {}\n#[tokio::test(start_paused = true)]\nasync fn b() {}\n\
                    #[cfg(test)]\nmod c {\n}\n#[cfg(all(test, unix))]\nfn d() {}\n\
                    #[cfg(not(test))]\nfn e() {}\n";
        assert_eq!(Regions::of(text).unwrap().tests, [1..=2, 3..=4, 5..=7, 8..=9]);
    }

    #[test]
    fn test_modules_in_other_files_are_named() {
        let text = "#[cfg(test)]\nmod script;\nmod store;\n#[cfg(test)]\nmod tests { }";
        assert_eq!(Regions::of(text).unwrap().test_modules, ["script"]);
    }
}
