// SPDX-License-Identifier: GPL-2.0

//! A device's private data is the type that its operations are for.

use kernel::{
    net::netdevice::{
        Name,
        NameAssignType,
        Operations,
        UnregisteredDevice, //
    },
    prelude::*, //
};

const NAME: Name<'static> = Name::from_static(c"case%d");

struct Other;

fn alloc<T: Operations>() -> Result<UnregisteredDevice<'static, T>> {
    UnregisteredDevice::<T>::alloc(NAME, NameAssignType::Enum, Other)
    //~^ ERROR E0277: is not satisfied
}
