// SPDX-License-Identifier: GPL-2.0

//! Types of which each value has a name.

/// Lets a type that has `ALL` and `name()` be read and written by its names.
macro_rules! by_name {
    ($type:ident) => {
        impl $type {
            /// The one of that name.
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|it| it.name() == name)
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

pub(crate) use by_name;
