// SPDX-License-Identifier: GPL-2.0

//! What a buffer has room for, and not more.

use kernel::{
    net::skbuff::SkBuff,
    prelude::*, //
};

use super::packet;

/// How much is asked for; there is always more.
const SIZE: u32 = 4;

/// More than there is room for.
static CONTENT: [u8; 4096] = [0x5a; 4096];

/// Puts so many bytes into a new buffer. Says how that ended, and how long it is then.
fn put(len: usize) -> Result<(Result, u32)> {
    let content = CONTENT.get(..len).ok_or(EINVAL)?;

    let mut skb = SkBuff::alloc(SIZE, GFP_KERNEL)?;
    let result = skb.put_data(content);
    let len = skb.len();
    skb.consume();
    Ok((result, len))
}

#[kunit_tests(rust_netdev_skbuff)]
mod cases {
    use super::*;

    #[test]
    fn data_fills_all_the_room() -> Result {
        let room = packet::tailroom(SIZE)?;

        assert!(room > SIZE);
        assert_eq!(put(room as usize)?, (Ok(()), room));
        Ok(())
    }

    #[test]
    fn data_that_does_not_fit_is_refused() -> Result {
        let room = packet::tailroom(SIZE)?;

        assert_eq!(put(room as usize + 1)?, (Err(ENOSPC), 0));
        Ok(())
    }

    #[test]
    fn nothing_fits_always() -> Result {
        assert_eq!(put(0)?, (Ok(()), 0));
        Ok(())
    }

    #[test]
    fn size_is_one_that_c_can_have() {
        let refused = match SkBuff::alloc(1 << 31, GFP_KERNEL) {
            Ok(skb) => {
                skb.consume();
                None
            }
            Err(error) => Some(error),
        };

        assert_eq!(refused, Some(EINVAL));
    }
}
