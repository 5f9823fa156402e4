// SPDX-License-Identifier: GPL-2.0

//! ethtool's commands, by ioctl and by netlink: what of them `lo` has, and what the others are
//! answered.

use super::device::LO;
use super::message::attributes;
use super::message::Message;
use super::message::Netlink;
use super::refused::done;
use super::refused::Done;
use super::scene::Scene;
use crate::compare::wire::u16_at;

/// `GENL_ID_CTRL`, and what to ask it.
const CTRL: u16 = 16;
const CTRL_GETFAMILY: u8 = 3;
const CTRL_FAMILY_ID: u16 = 1;
const CTRL_FAMILY_NAME: u16 = 2;

/// The length of `struct genlmsghdr`.
const GENL: usize = 4;

/// The header of a message of ethtool's, the first attribute of each, and what it has in it.
const HEADER: u16 = 1;
const HEADER_DEV_NAME: u16 = 2;

/// The commands by ioctl go to this; a few more are there to see what unknown ones get.
const LAST_COMMAND: u32 = 0x60;

/// The messages go to this, likewise.
const LAST_MESSAGE: u8 = 56;

/// Few messages have more attributes.
const LAST_ATTRIBUTE: u16 = 8;

/// ethtool's netlink family.
#[derive(Debug)]
pub struct Ethtool {
    socket: Netlink,
    family: u16,
}

impl Ethtool {
    /// Finds it in this thread's namespace. The error is what a fact can say.
    pub fn open() -> Result<Self, String> {
        let socket = Netlink::open(Some(rustix::net::netlink::GENERIC))?;
        let question = Message::new(CTRL, 0, &[CTRL_GETFAMILY, 1, 0, 0]);
        let answers = socket
            .ask(question.text(CTRL_FAMILY_NAME, "ethtool"))
            .map_err(|refused| refused.0)?;
        let all = answers.first().map(|answer| attributes(answer, 16 + GENL));
        let id = all
            .unwrap_or_default()
            .into_iter()
            .find(|(kind, _)| *kind == CTRL_FAMILY_ID);
        let (_, family) = id.ok_or("the family has no number")?;
        let family = u16_at(family, 0);
        Ok(Self { socket, family })
    }

    /// Sends a message about `lo`.
    pub fn ask(&self, command: u8, with: impl FnOnce(Message) -> Message) -> Done {
        let message = Message::new(self.family, 0, &[command, 1, 0, 0])
            .nest(HEADER, |header| header.text(HEADER_DEV_NAME, LO));
        let answers = self.socket.ask(with(message))?;
        Ok(match answers.len() {
            0 => String::new(),
            // Of what is read the state's part tells.
            count => format!("answers: {count}"),
        })
    }
}

/// Every command, with nothing behind it, and with a one in each of the first words.
pub fn by_ioctl(scene: &mut Scene) -> Result<(), String> {
    let ones: Vec<u8> = [1_u32; 16].into_iter().flat_map(u32::to_ne_bytes).collect();
    for state in ["down", "up"] {
        for command in 1..=LAST_COMMAND {
            let answers = [("zeros", &[0; 64][..]), ("ones", &ones)].map(|(what, rest)| {
                let answer = scene.device.ethtool(command, rest);
                (what.to_string(), done(answer))
            });
            scene.did_all(&format!("{state}.{command:#04x}"), answers.into())?;
        }
        scene.up(&format!("{state}.up"))?;
    }
    Ok(())
}

/// Every message: with a header only, and with one more attribute, which is a number or has others
/// in it.
pub fn by_netlink(scene: &mut Scene) -> Result<(), String> {
    let ethtool = match Ethtool::open() {
        Ok(ethtool) => ethtool,
        Err(why) => return scene.note("family", why),
    };
    for state in ["down", "up"] {
        for command in 1..=LAST_MESSAGE {
            let plain = ethtool.ask(command, |message| message);
            let mut answers = vec![("plain".to_string(), plain)];
            for kind in 2..=LAST_ATTRIBUTE {
                let byte = ethtool.ask(command, |message| message.attr(kind, &[1]));
                answers.push((format!("byte {kind}"), byte));
                let word = ethtool.ask(command, |message| message.u32(kind, 1));
                answers.push((format!("word {kind}"), word));
                let nest = ethtool.ask(command, |message| message.nest(kind, |inside| inside));
                answers.push((format!("nest {kind}"), nest));
            }
            scene.did_all(&format!("{state}.{command}"), answers)?;
        }
        scene.up(&format!("{state}.up"))?;
    }
    Ok(())
}
