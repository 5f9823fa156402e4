// SPDX-License-Identifier: GPL-2.0

//! Other devices on top of `lo`, and `lo` as a part of others. What the kernel has not got is
//! refused in all variants alike.

use super::scene::Scene;

/// Devices that stand on another one: what follows their name.
const TOPS: [&str; 13] = [
    "vlan id 5",
    "vlan proto 802.1ad id 6",
    "macvlan mode bridge",
    "macvlan mode passthru",
    "macvtap mode bridge",
    "ipvlan mode l2",
    "ipvlan mode l3",
    "macsec",
    "vxlan id 7 dstport 4789 remote 127.0.0.1",
    "ipip remote 127.0.0.1 local 127.0.0.1",
    "gre remote 127.0.0.1 local 127.0.0.1",
    "rmnet mux_id 1",
    "hsr slave1 lo slave2 lo",
];

/// Devices that have others in them.
const MASTERS: [&str; 8] = [
    "bridge",
    "bond",
    "bond mode active-backup",
    "team",
    "vrf table 10",
    "dummy",
    "hsr",
    "nlmon",
];

pub fn on_top(scene: &mut Scene) -> Result<(), String> {
    for state in ["down", "up"] {
        for kind in TOPS {
            let key = |what: &str| format!("{state}.{kind}.{what}");
            let (name, rest) = kind.split_once(' ').unwrap_or((kind, ""));
            let link = if name == "hsr" { "" } else { "link lo" };
            let add = format!("ip link add {link} name top0 type {name} {rest}");
            if !scene.line_done(&key("add"), &add)? {
                continue;
            }
            scene.line(&key("up"), "ip link set top0 up")?;
            scene.line(&key("promisc"), "ip link set top0 promisc on")?;
            scene.line(&key("mtu"), "ip link set top0 mtu 70000")?;
            scene.line(&key("mtu-below"), "ip link set lo mtu 1400")?;
            scene.line(&key("mtu-back"), "ip link set lo mtu 65536")?;
            scene.line(&key("down"), "ip link set top0 down")?;
            scene.line(&key("delete"), "ip link del top0")?;
        }
        scene.line(
            &format!("{state}.veth"),
            "ip link add lo type veth peer name lo",
        )?;
        let peer = "ip link add v0 type veth peer name lo";
        scene.line(&format!("{state}.veth-peer"), peer)?;
        scene.line(
            &format!("{state}.veth-on"),
            "ip link add link lo name v1 type veth",
        )?;
        scene.line(&format!("{state}.veth-gone"), "ip link del v1")?;
        scene.up(&format!("{state}.up"))?;
    }
    Ok(())
}

pub fn below(scene: &mut Scene) -> Result<(), String> {
    for state in ["down", "up"] {
        for kind in MASTERS {
            let key = |what: &str| format!("{state}.{kind}.{what}");
            if !scene.line_done(&key("add"), &format!("ip link add m0 type {kind}"))? {
                continue;
            }
            scene.line(&key("up"), "ip link set m0 up")?;
            scene.line(&key("master"), "ip link set lo master m0")?;
            scene.line(&key("nomaster"), "ip link set lo nomaster")?;
            scene.line(&key("delete"), "ip link del m0")?;
        }
        scene.line(&format!("{state}.itself"), "ip link set lo master lo")?;
        scene.up(&format!("{state}.up"))?;
    }
    Ok(())
}
