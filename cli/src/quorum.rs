//! The arithmetic of a quorum, in the words people read.
//!
//! A network goes on while more than two thirds of the voting power is there.

/// A member of the validator set, and whether it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// How it is called.
    pub(crate) name: String,
    /// Its voting power.
    pub(crate) power: u64,
    /// Whether it is there.
    pub(crate) present: bool,
}

/// The share that has to be exceeded, in words.
pub(crate) const NEEDED: &str = "more than 66.7 %";

/// Who is there, and whether that is enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Quorum {
    members: Vec<Member>,
}

/// Writes a share in tenths of a per cent, rounded down.
pub(crate) fn percent(part: u64, total: u64) -> String {
    let tenths = u128::from(part) * 1_000 / u128::from(total.max(1));
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// Writes a time as hours, minutes and seconds UTC.
pub(crate) fn clock(time_ms: u64) -> String {
    let seconds = time_ms / 1_000 % 86_400;
    format!(
        "{:02}:{:02}:{:02} UTC",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    )
}

impl Quorum {
    /// Collects the members.
    pub(crate) fn new(members: Vec<Member>) -> Self {
        Self { members }
    }

    /// Says whether those present can agree.
    pub(crate) fn is_enough(&self) -> bool {
        self.suffices(self.present_power())
    }

    /// Returns the names of those who are not there.
    pub(crate) fn absent(&self) -> Vec<&str> {
        let absent = self.members.iter().filter(|member| !member.present);
        absent.map(|member| member.name.as_str()).collect()
    }

    /// Returns how many are there, and how many there are.
    pub(crate) fn count(&self) -> (usize, usize) {
        let present = self.members.iter().filter(|member| member.present);
        (present.count(), self.members.len())
    }

    /// Writes the share of voting power that is there.
    pub(crate) fn share(&self) -> String {
        percent(self.present_power(), self.total_power())
    }

    /// Says what it means that `name` is gone; `height` is the last final block.
    pub(crate) fn after_loss(&self, name: &str, how: &str, height: Option<u64>) -> String {
        let (present, total) = self.count();
        let share = self.share();
        if self.is_enough() {
            let reserve = if self.survives_another_loss() {
                "It can stand another loss."
            } else {
                "One more loss would halt it."
            };
            return format!(
                "{name} {how}. {present} of {total} validators: {share} of voting power, needs \
                 {NEEDED}: the network goes on. {reserve}"
            );
        }
        let after = height.map_or(String::new(), |height| format!(" after block {height}"));
        format!(
            "{name} {how}. {present} of {total} validators: {share}: the network HALTS{after}. \
             Nothing is lost; it resumes when {}.",
            self.resumes_when()
        )
    }

    /// Says why the network stands still.
    pub(crate) fn halt(&self, since_ms: Option<u64>) -> String {
        let since = since_ms.map_or(String::new(), |ms| format!(" since {}", clock(ms)));
        format!(
            "HALTED: {} of voting power, needs {NEEDED}; silent: {}{since}",
            self.share(),
            self.absent().join(", ")
        )
    }

    /// Says who has to come back.
    pub(crate) fn resumes_when(&self) -> String {
        let present = self.present_power();
        let alone: Vec<_> = self
            .members
            .iter()
            .filter(|member| !member.present && self.suffices(present + member.power))
            .map(|member| member.name.as_str())
            .collect();
        match (&alone[..], &self.absent()[..]) {
            ([], absent) => format!("enough of {} return", absent.join(", ")),
            ([one], _) => format!("{one} returns"),
            ([first @ .., last], _) => format!("{} or {last} returns", first.join(", ")),
        }
    }

    fn survives_another_loss(&self) -> bool {
        let largest = self.members.iter().filter(|member| member.present);
        let largest = largest.map(|member| member.power).max().unwrap_or(0);
        self.suffices(self.present_power() - largest)
    }

    fn suffices(&self, power: u64) -> bool {
        u128::from(power) * 3 > u128::from(self.total_power()) * 2
    }

    fn present_power(&self) -> u64 {
        let present = self.members.iter().filter(|member| member.present);
        present.map(|member| member.power).sum()
    }

    fn total_power(&self) -> u64 {
        self.members.iter().map(|member| member.power).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quorum(present: &[bool]) -> Quorum {
        let member = |(index, &present): (usize, &bool)| Member {
            name: format!("n{}", index + 1),
            power: 100,
            present,
        };
        Quorum::new(present.iter().enumerate().map(member).collect())
    }

    #[test]
    fn three_of_four_go_on() {
        assert_eq!(
            quorum(&[true, false, true, true]).after_loss("n2", "killed", Some(9)),
            "n2 killed. 3 of 4 validators: 75.0 % of voting power, needs more than 66.7 %: \
             the network goes on. One more loss would halt it."
        );
    }

    #[test]
    fn two_of_four_halt() {
        assert_eq!(
            quorum(&[true, false, false, true]).after_loss("n3", "killed", Some(55)),
            "n3 killed. 2 of 4 validators: 50.0 %: the network HALTS after block 55. \
             Nothing is lost; it resumes when n2 or n3 returns."
        );
    }

    #[test]
    fn exactly_two_thirds_are_not_enough() {
        assert!(!quorum(&[true, true, false]).is_enough());
        assert!(quorum(&[true; 3]).is_enough());
    }

    #[test]
    fn one_alone_may_not_be_enough_to_resume() {
        let quorum = quorum(&[true, false, false, false]);
        assert_eq!(quorum.resumes_when(), "enough of n2, n3, n4 return");
    }

    #[test]
    fn seven_can_stand_two_losses() {
        let mut present = [true; 7];
        present[0] = false;
        let text = quorum(&present).after_loss("n1", "killed", None);
        assert!(text.ends_with("It can stand another loss."), "{text}");
    }

    #[test]
    fn halt_names_the_silent() {
        let text = quorum(&[true, false, false, true]).halt(Some(50_527_000));
        assert_eq!(
            text,
            "HALTED: 50.0 % of voting power, needs more than 66.7 %; silent: n2, n3 \
             since 14:02:07 UTC"
        );
    }

    #[test]
    fn shares_are_rounded_down() {
        assert_eq!(percent(2, 3), "66.6 %");
        assert_eq!(percent(0, 0), "0.0 %");
    }
}
