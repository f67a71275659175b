//! What a run is made of: the network, and the faults it has to live through.

use super::adversary::Role;
use super::chance::Chance;
use super::keys::Signatures;
use super::stakers::Staking;
use super::ways::Way;

/// One run. Equal configurations give equal runs, event for event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The start of all chance.
    pub seed: u64,
    /// Validators, all of equal power.
    pub nodes: u16,
    /// Nodes beside them that only follow, and begin later.
    pub observers: u16,
    /// Heights to reach while faults go on; five more have to follow when they have ended.
    pub heights: u64,
    /// Frames lost, in 100.
    pub loss_percent: u8,
    /// Frames that come twice, in 100.
    pub duplicate_percent: u8,
    /// Whether frames of one lane overtake each other, which QUIC never lets them.
    pub reorder: bool,
    /// Least and most delay of a frame, milliseconds.
    pub delay_ms: (u64, u64),
    /// How often the network is cut in two, in both directions or one.
    pub partitions: u32,
    /// How often a node loses power, and with it all it did not sync.
    pub crashes: u32,
    /// How often a node is stopped in good order.
    pub stops: u32,
    /// How often a node loses its disk with everything on it, the sign guard too.
    pub wipes: u32,
    /// How often a link breaks by itself.
    pub link_breaks: u32,
    /// By how much clocks are wrong at most, milliseconds.
    pub skew_ms: u64,
    /// Transactions submitted per second, some of them invalid.
    pub load_per_second: u32,
    /// What people do with their stake. Unless it is nothing, observers have consensus keys too.
    pub staking: Staking,
    /// Blocks of an epoch; 0 leaves what a local network has.
    pub epoch_blocks: u64,
    /// How messages and transactions are signed.
    pub signatures: Signatures,
    /// What the first validators are, where they break the rules; below a third, or safety is not
    /// promised.
    pub adversaries: Vec<Role>,
    /// How one validator comes back with less than it knew.
    pub way: Option<Way>,
    /// The genesis was written when the run begins, and not an hour before.
    pub young: bool,
    /// A bug that the oracles have to find.
    pub planted: Option<Planted>,
    /// Whether each event and action is printed to standard error.
    pub verbose: bool,
}

/// Bugs that a shell can have, for tests of the oracles. They live in the simulator: the product
/// has no switch for any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// Blocks are called durable before they are.
    CommitNotSynced,
    /// The consensus log and the sign guard are called durable before they are.
    LogNotSynced,
    /// Submissions are called durable before they are.
    SubmissionsNotSynced,
    /// Signatures are not checked.
    SignaturesUnchecked,
}

impl Config {
    /// Returns a calm network of `nodes` validators.
    #[must_use]
    pub const fn calm(seed: u64, nodes: u16, heights: u64) -> Self {
        Self {
            seed,
            nodes,
            observers: 0,
            heights,
            loss_percent: 0,
            duplicate_percent: 0,
            reorder: false,
            delay_ms: (1, 20),
            partitions: 0,
            crashes: 0,
            stops: 0,
            wipes: 0,
            link_breaks: 0,
            skew_ms: 200,
            load_per_second: 20,
            staking: Staking::Off,
            epoch_blocks: 0,
            signatures: if seed.is_multiple_of(100) {
                Signatures::Ed25519
            } else {
                Signatures::Hash
            },
            adversaries: Vec::new(),
            way: None,
            young: false,
            planted: None,
            verbose: false,
        }
    }

    /// Draws a network and its faults from the seed: 1, 3, 4 or 7 validators, up to 30 % loss. In
    /// every third the validators change.
    #[must_use]
    pub fn drawn(seed: u64, heights: u64) -> Self {
        let mut chance = Chance::new(seed, "configuration");
        let nodes = match chance.between(0, 9) {
            0 => 1,
            1 => 3,
            2..=5 => 4,
            _ => 7,
        };
        let delay_max = [5, 20, 50, 100, 250][chance.position(5)];
        let mut few = |percent, most| {
            if chance.percent(percent) {
                chance.between(1, most)
            } else {
                0
            }
        };
        let (loss, duplicates) = (few(60, 30), few(40, 20));
        let (partitions, crashes, breaks) = (few(50, 3), few(60, 6), few(40, 6));
        let (reorder, hostile) = (few(30, 1) == 1, few(30, 1) == 1);
        let most = if hostile {
            usize::from(nodes - 1) / 3
        } else {
            0
        };
        let adversaries: Vec<_> = (0..most)
            .map(|_| Role::ALL[chance.position(Role::ALL.len())])
            .collect();
        let mut few = |percent, most| {
            if chance.percent(percent) {
                chance.between(1, most)
            } else {
                0
            }
        };
        let observers = few(25, 3);
        let small = |drawn: u64| u32::try_from(drawn).unwrap_or_default();
        let percent = |drawn: u64| u8::try_from(drawn).unwrap_or_default();
        Self {
            loss_percent: percent(loss),
            duplicate_percent: percent(duplicates),
            reorder,
            delay_ms: (1, delay_max),
            partitions: if nodes > 1 { small(partitions) } else { 0 },
            crashes: small(crashes),
            link_breaks: small(breaks),
            load_per_second: small(chance.between(0, 40)),
            observers: u16::try_from(observers).unwrap_or_default(),
            adversaries,
            ..Self::calm(seed, nodes, heights)
        }
        .with_drawn_staking()
        .with_drawn_stops()
    }

    /// In every third, nodes are stopped in good order, too.
    fn with_drawn_stops(self) -> Self {
        let mut chance = Chance::new(self.seed, "stops");
        if !chance.percent(33) {
            return self;
        }
        let stops = u32::try_from(chance.between(1, 4)).unwrap_or_default();
        Self { stops, ..self }
    }

    /// Draws a network in which `way` happens to a validator: 4 or 7 of them, two that follow, and
    /// up to 10 % loss.
    #[must_use]
    pub fn way(seed: u64, way: Way) -> Self {
        let mut chance = Chance::new(seed, "way");
        let nodes = if chance.percent(70) { 4 } else { 7 };
        let loss = if chance.percent(50) {
            chance.between(1, 10)
        } else {
            0
        };
        Self {
            observers: 2,
            loss_percent: u8::try_from(loss).unwrap_or_default(),
            delay_ms: (1, [5, 20, 100][chance.position(3)]),
            young: chance.percent(50),
            way: Some(way),
            ..Self::calm(seed, nodes, 10)
        }
    }

    fn with_drawn_staking(self) -> Self {
        let mut chance = Chance::new(self.seed, "staking");
        if !chance.percent(33) {
            return self;
        }
        let epoch_blocks = chance.between(1, 6);
        let observers = chance.between(u64::from(self.observers), 3);
        Self {
            staking: Staking::ALL[1 + chance.position(3)],
            epoch_blocks,
            observers: u16::try_from(observers).unwrap_or_default(),
            ..self
        }
    }

    /// Returns the arguments with which the command `sim` runs this configuration.
    #[must_use]
    pub fn arguments(&self) -> String {
        let (low, high) = self.delay_ms;
        let mut words = format!(
            "--seed {} --nodes {} --heights {} --loss {} --duplicates {} --delay {low}-{high} \
             --observers {} --partitions {} --crashes {} --wipes {} --breaks {} --skew {} \
             --load {} --stops {}",
            self.seed,
            self.nodes,
            self.heights,
            self.loss_percent,
            self.duplicate_percent,
            self.observers,
            self.partitions,
            self.crashes,
            self.wipes,
            self.link_breaks,
            self.skew_ms,
            self.load_per_second,
            self.stops,
        );
        if self.staking != Staking::Off {
            words.push_str(&format!(" --staking {}", self.staking));
        }
        if self.epoch_blocks > 0 {
            words.push_str(&format!(" --epoch {}", self.epoch_blocks));
        }
        for role in &self.adversaries {
            words.push_str(&format!(" --adversary {role}"));
        }
        if let Some(way) = self.way {
            words.push_str(&format!(" --way {way}"));
        }
        if self.young {
            words.push_str(" --young");
        }
        if self.reorder {
            words.push_str(" --reorder");
        }
        if self.signatures == Signatures::Ed25519 {
            words.push_str(" --ed25519");
        }
        words
    }
}
