//! What good clients notice of trouble: of bad peers, and of a connector that dies or hangs.

mod bad_peers;
mod faults;

use crate::{
    args::Options,
    figures::{self, Line},
    modes::{Parts, adit_program, start_origin},
    print, say,
};

/// Measures and prints the table.
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let rounds = if options.quick { 1 } else { options.rounds.min(3) };
    let (_origin, origin) = start_origin().await?;
    let parts = Parts {
        origin,
        adit: adit_program(options)?,
    };
    let mut lines: Vec<Line> = Vec::new();
    say("connectors that are lost");
    lines.extend(faults::measure(&parts, rounds).await?);
    say("bad peers");
    lines.extend(bad_peers::measure(&parts, rounds).await?);
    print(&figures::table(&lines));
    print(&figures::sum(lines.iter().filter_map(Line::met)));
    Ok(())
}
