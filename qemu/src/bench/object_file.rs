// SPDX-License-Identifier: GPL-2.0

//! Functions in object files and in the kernel: what is listed in them, and how long they are.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use object::File;
use object::Object;
use object::ObjectSection;
use object::ObjectSymbol;
use object::SymbolKind;

use super::code::Code;
use super::code::Flow;
use super::figures::Mix;
use super::figures::Size;
use super::symbols::demangled;
use crate::checkout::read;
use crate::failure::Exit;
use crate::failure::Failure;
use crate::failure::Result;

/// A function as it is listed.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// Its name, demangled.
    pub symbol: String,
    /// Its length.
    pub bytes: u64,
    /// What is in it.
    pub mix: Mix,
}

/// Lists the one function of `path` whose name is as `wanted` says.
pub fn listed(path: &Path, wanted: impl Fn(&str) -> bool) -> Result<Listed> {
    let data = read(path)?;
    list(&data, wanted).map_err(|why| fail(path, why))
}

/// The size of what is in `path`, by its symbols: of those as `wanted` says.
pub fn size(name: &str, path: &Path, wanted: impl Fn(&str) -> bool) -> Result<Size> {
    let data = read(path)?;
    let file = parse(&data).map_err(|why| fail(path, why))?;
    let mut size = Size {
        name: name.into(),
        text: 0,
        data: 0,
    };
    for symbol in file.symbols().filter(|symbol| symbol.is_definition()) {
        if !symbol.name().is_ok_and(|name| wanted(&demangled(name))) {
            continue;
        }
        match symbol.kind() {
            SymbolKind::Text => size.text += symbol.size(),
            SymbolKind::Data => size.data += symbol.size(),
            _ => {}
        }
    }
    match size.text {
        0 => Err(fail(path, "nothing in it is machine code".into())),
        _ => Ok(size),
    }
}

fn fail(path: &Path, why: String) -> Failure {
    let what = format!("{} is not understood", path.display());
    Failure::new(Exit::Internal, what, why)
}

fn parse(data: &[u8]) -> std::result::Result<File<'_>, String> {
    File::parse(data).map_err(|error| error.to_string())
}

fn list(data: &[u8], wanted: impl Fn(&str) -> bool) -> std::result::Result<Listed, String> {
    let file = parse(data)?;
    let text = file
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.is_definition());
    let mut found = text.filter_map(|symbol| {
        let name = demangled(symbol.name().ok()?);
        wanted(&name).then_some((name, symbol))
    });
    let (Some((symbol, function)), None) = (found.next(), found.next()) else {
        return Err("there is none, or more than one, of the function".into());
    };
    let index = function.section_index().ok_or("it is in no section")?;
    let section = file
        .section_by_index(index)
        .map_err(|error| error.to_string())?;
    let range = function.address()..function.address() + function.size();
    let bytes = section
        .data_range(range.start, function.size())
        .map_err(|error| error.to_string())?
        .ok_or("it is not in its section")?;
    // In an object that is not linked, what it jumps to is not known yet.
    let open: BTreeSet<u64> = section.relocations().map(|(offset, _)| offset).collect();
    Ok(Listed {
        symbol,
        bytes: function.size(),
        mix: mix(bytes, &range, &open).ok_or("it has bytes that are no instruction")?,
    })
}

/// What is listed at `range`, without what only fills space. Where `open` has an address, the linker
/// puts one of something else.
fn mix(bytes: &[u8], range: &Range<u64>, open: &BTreeSet<u64>) -> Option<Mix> {
    let mut mix = Mix::default();
    let mut address = range.start;
    while address < range.end {
        let code = Code::decode(address, &bytes[(address - range.start) as usize..])?;
        let is_open = open.range(address..code.next).next().is_some();
        match code.flow {
            _ if code.is_padding => {}
            Flow::Jump(Some(_)) if is_open => {
                mix.instructions += 1;
                mix.calls += 1;
            }
            _ => code.add_to(&mut mix, range),
        }
        address = code.next;
    }
    Some(mix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_is_counted() {
        // push %rbx; je; lock incl (%rax); call; nop; jmp to what is not known yet
        let bytes = [
            0x53, 0x74, 0x03, 0xf0, 0xff, 0x00, 0xe8, 0, 0, 0, 0, 0x90, 0xe9, 0, 0, 0, 0,
        ];
        let range = 0x10..0x10 + bytes.len() as u64;
        let found = mix(&bytes, &range, &BTreeSet::from([0x17, 0x1d]));
        let wanted = Mix {
            instructions: 5,
            calls: 2,
            branches: 1,
            atomics: 1,
        };
        assert_eq!(found, Some(wanted));
        assert_eq!(mix(&[0x06], &(0..1), &BTreeSet::new()), None);
    }

    #[test]
    fn this_program_is_understood() {
        let path = std::env::current_exe().unwrap();
        let is_it = |name: &str| name.ends_with("object_file::mix");
        let found = listed(&path, is_it).unwrap();
        assert!(found.mix.instructions > 10 && found.mix.calls > 0);
        assert!(found.bytes > found.mix.instructions);
        let size = size("x", &path, is_it).unwrap();
        assert_eq!((size.text, size.data), (found.bytes, 0));
        assert!(listed(&path, |_| false).is_err());
    }
}
