//! The orgs as they were applied: each one's sources and vendors, several orgs at a time.

use std::sync::Arc;

use bus::Bus;
use contract::OrgId;
use futures_util::{StreamExt as _, stream};
use orgs::{Directory, Live, LiveOrg};
use tokio_util::sync::CancellationToken;

use super::{Finding, Round, source, until, vendor};

const TOPIC: &str = "orgs";
/// Orgs that are looked over at the same time.
const AT_A_TIME: usize = 8;

/// Looks over the wanted orgs, or all.
pub(super) async fn examine(round: &Round, bus: Option<Bus>, wanted: &[OrgId]) -> Vec<Finding> {
    let Some(bus) = bus else {
        let cure = "mend NATS first";
        return vec![Finding::amber(TOPIC, "all", "not looked at: they can't be read", cure)];
    };
    let stop = CancellationToken::new();
    let _stopped = stop.clone().drop_guard();
    let live = Live::start(bus, None, stop).await;
    let known = until(round.limit, async || live.directory().filter(|_| live.is_current()).ok_or(())).await;
    let Ok(directory) = known else {
        let found = format!("not told within {} s", round.limit.as_secs());
        return vec![Finding::red(TOPIC, "all", found, "see the stream KV_orgs; run `offhook orgs apply FILE`")];
    };
    looked_over(round, &directory, wanted).await
}

async fn looked_over(round: &Round, directory: &Arc<Directory>, wanted: &[OrgId]) -> Vec<Finding> {
    let mut orgs: Vec<&LiveOrg> =
        directory.orgs().filter(|live| wanted.is_empty() || wanted.contains(&live.org.id)).collect();
    orgs.sort_by(|a, b| a.org.id.cmp(&b.org.id));
    let unknown = wanted.iter().filter(|id| directory.org(id).is_none());
    let mut findings: Vec<Finding> =
        unknown.map(|id| Finding::red(TOPIC, id.as_str(), "is not applied", "run `offhook orgs apply FILE`")).collect();
    if wanted.is_empty() {
        findings.push(match orgs.len() {
            0 => Finding::amber(TOPIC, "all", "none is applied", "run `offhook orgs apply FILE`"),
            orgs => Finding::green(TOPIC, "all", format!("{orgs} applied")),
        });
    }
    let each = stream::iter(orgs).map(async |live| {
        let (sources, vendors) = tokio::join!(source::examine(round, live), vendor::examine(round, live));
        [sources, vendors].concat()
    });
    let found: Vec<Vec<Finding>> = each.buffered(AT_A_TIME).collect().await;
    findings.extend(found.into_iter().flatten());
    findings
}
