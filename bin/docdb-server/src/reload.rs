use docdb_service::RunningService;

use crate::config::{self, Configured, Given};
use crate::logging::Log;

/// Reads the configuration again and takes up what can change while the server runs. Says what
/// cannot, and changes nothing at all where anything is wrong.
pub(crate) fn reload(given: &Given, current: &mut Configured, service: &RunningService, log: &Log) {
    let next = match config::load(given) {
        Ok(next) => next,
        Err(problems) => {
            for problem in problems {
                tracing::error!(%problem, "the configuration is not taken up");
            }
            return;
        }
    };
    let changes = config::changes(current, &next);
    for change in &changes.needs_restart {
        tracing::warn!(
            key = change.key,
            running = change.before,
            configured = change.after,
            "takes effect at the next start"
        );
    }
    for change in &changes.now {
        tracing::info!(
            key = change.key,
            before = change.before,
            after = change.after,
            "taken up"
        );
    }
    match service.reload_tls() {
        Ok(true) => tracing::info!("the certificate and its key were read again"),
        Ok(false) => {}
        Err(error) => tracing::error!(%error, "the certificate in force stays in force"),
    }
    current.settings.adopt(&next.settings);
    service.set_slow_request(current.settings.service.slow_request);
    tracing::info!(
        changed = changes.now.len(),
        at_next_start = changes.needs_restart.len(),
        "configuration read again"
    );
    // ORDER: last, so that a quieter log still says why it is quieter.
    log.set_level(current.settings.log.level);
}
