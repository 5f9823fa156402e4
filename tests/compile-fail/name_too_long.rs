// SPDX-License-Identifier: GPL-2.0

//! A name in a constant fits into `dev->name`.

use kernel::net::netdevice::Name;

const NAME: Name<'static> = Name::from_static(c"sixteen_letters_"); //~ ERROR E0080: at most 15 bytes
