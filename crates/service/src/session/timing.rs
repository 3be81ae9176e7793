use std::time::Instant;

use crate::options::Deadlines;

/// Since when a client has been owing something. Times are taken when the session begins to wait,
/// so that a client that keeps up costs none.
#[derive(Debug, Default)]
pub(crate) struct Timing {
    hello_since: Option<Instant>,
    frame_since: Option<Instant>,
    write_since: Option<Instant>,
    idle_since: Option<Instant>,
    /// The deadline that a timer runs for.
    armed: Option<Instant>,
}

/// What a session is waiting for from its client.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Owed {
    /// To say who it is.
    pub(crate) hello: bool,
    /// The rest of a frame.
    pub(crate) frame: bool,
    /// That it takes the answers that are there.
    pub(crate) write: bool,
    /// Anything at all: nothing is under way.
    pub(crate) idle: bool,
}

/// What a client has taken too long for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overdue {
    Hello,
    Frame,
    Write,
    Idle,
}

impl Timing {
    /// A whole frame has arrived.
    pub(crate) const fn frame_taken(&mut self) {
        self.frame_since = None;
        self.idle_since = None;
    }

    /// The client has taken bytes.
    pub(crate) const fn written(&mut self) {
        self.write_since = None;
    }

    /// The session begins to wait. Returns when a timer must wake it, where none will in time.
    pub(crate) fn wait(
        &mut self,
        owed: Owed,
        deadlines: &Deadlines,
        cursor_expiry: Option<Instant>,
    ) -> Option<Instant> {
        let waits_for_client = owed.hello || owed.frame || owed.write || owed.idle;
        let now = waits_for_client.then(Instant::now);
        note(&mut self.hello_since, now.filter(|_| owed.hello));
        note(&mut self.frame_since, now.filter(|_| owed.frame));
        note(&mut self.write_since, now.filter(|_| owed.write));
        note(&mut self.idle_since, now.filter(|_| owed.idle));
        let next = self
            .deadlines(deadlines)
            .map(|(at, _)| at)
            .chain(cursor_expiry)
            .min()?;
        if self.armed.is_some_and(|armed| armed <= next) {
            return None;
        }
        self.armed = Some(next);
        Some(next)
    }

    /// The timer has run out. Returns what is overdue, if anything.
    pub(crate) fn fired(&mut self, deadlines: &Deadlines) -> Option<Overdue> {
        self.armed = None;
        let now = Instant::now();
        self.deadlines(deadlines)
            .find(|(at, _)| *at <= now)
            .map(|(_, what)| what)
    }

    fn deadlines(&self, deadlines: &Deadlines) -> impl Iterator<Item = (Instant, Overdue)> {
        let all = [
            (self.hello_since, Some(deadlines.hello), Overdue::Hello),
            (self.write_since, Some(deadlines.write), Overdue::Write),
            (self.frame_since, Some(deadlines.frame), Overdue::Frame),
            (self.idle_since, deadlines.idle, Overdue::Idle),
        ];
        all.into_iter()
            .filter_map(|(since, allowed, what)| Some((since?.checked_add(allowed?)?, what)))
    }
}

fn note(since: &mut Option<Instant>, now: Option<Instant>) {
    match now {
        None => *since = None,
        Some(now) => {
            since.get_or_insert(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const FRAME: Owed = Owed {
        hello: false,
        frame: true,
        write: false,
        idle: false,
    };

    fn deadlines(frame: Duration) -> Deadlines {
        Deadlines {
            frame,
            ..Deadlines::default()
        }
    }

    #[test]
    fn a_timer_is_set_once_for_all_waits_of_one_frame() {
        let deadlines = deadlines(Duration::from_secs(30));
        let mut timing = Timing::default();
        assert!(timing.wait(FRAME, &deadlines, None).is_some());
        assert_eq!(timing.wait(FRAME, &deadlines, None), None);
        timing.frame_taken();
        assert_eq!(
            timing.wait(FRAME, &deadlines, None),
            None,
            "the timer still runs"
        );
        assert_eq!(
            timing.fired(&deadlines),
            None,
            "the frame began later than the timer"
        );
        assert!(timing.wait(FRAME, &deadlines, None).is_some());
    }

    #[test]
    fn a_frame_is_overdue_however_many_of_its_bytes_arrive_meanwhile() {
        let deadlines = deadlines(Duration::ZERO);
        let mut timing = Timing::default();
        timing.wait(FRAME, &deadlines, None);
        timing.wait(FRAME, &deadlines, None);
        assert_eq!(timing.fired(&deadlines), Some(Overdue::Frame));
    }

    #[test]
    fn who_owes_nothing_is_not_timed() {
        let deadlines = Deadlines::default();
        let mut timing = Timing::default();
        assert_eq!(timing.wait(Owed::default(), &deadlines, None), None);
        let expiry = Instant::now();
        assert_eq!(
            timing.wait(Owed::default(), &deadlines, Some(expiry)),
            Some(expiry)
        );
    }
}
