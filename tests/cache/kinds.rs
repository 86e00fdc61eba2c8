//! More kinds, each with what one test needs: another part, another shape, another value, another limit.

use std::time::Duration;

use cache::{Key, Kind, Life, Piece, Spec};
use contract::OrgId;

use crate::things::Thing;

/// A list of a thing's, as long as its reader asked for.
#[derive(Clone)]
pub(crate) struct List {
    pub(crate) thing: Thing,
    pub(crate) limit: usize,
}

impl Kind for List {
    const SPEC: Spec =
        Spec { name: "list", pieces: &[Piece::Tag("thing", &["name"]), Piece::Part("limit")], ..Thing::SPEC };
    type Value = usize;

    fn key(&self) -> Key {
        self.thing.key().part(self.limit)
    }
}

/// The thing as a later version of the program has it: its number means something else.
pub(crate) struct LaterThing(pub(crate) Thing);

impl Kind for LaterThing {
    const SPEC: Spec = Spec { shape: Thing::SPEC.shape + 1, ..Thing::SPEC };
    type Value = usize;

    fn key(&self) -> Key {
        self.0.key()
    }
}

/// The thing as a program has it that forgot to change its shape.
pub(crate) struct ForgetfulThing(pub(crate) Thing);

impl Kind for ForgetfulThing {
    const SPEC: Spec = Thing::SPEC;
    type Value = String;

    fn key(&self) -> Key {
        self.0.key()
    }
}

/// A text of any length.
pub(crate) struct Text(pub(crate) Thing);

impl Kind for Text {
    const SPEC: Spec = Spec { name: "text", ..Thing::SPEC };
    type Value = String;

    fn key(&self) -> Key {
        self.0.key()
    }
}

/// A thing that may lack its number.
pub(crate) struct Maybe(pub(crate) Thing);

impl Kind for Maybe {
    const SPEC: Spec = Spec { name: "maybe", ..Thing::SPEC };
    type Value = Option<usize>;

    fn key(&self) -> Key {
        self.0.key()
    }
}

/// A thing whose load may take next to no time.
pub(crate) struct Hasty(pub(crate) Thing);

impl Kind for Hasty {
    const SPEC: Spec = Spec { name: "hasty", load_max: Duration::from_millis(50), ..Thing::SPEC };
    type Value = usize;

    fn key(&self) -> Key {
        self.0.key()
    }
}

/// A thing that nothing invalidates, so that a process may keep it for long.
pub(crate) struct Lasting {
    pub(crate) org: OrgId,
    pub(crate) number: usize,
}

impl Kind for Lasting {
    const SPEC: Spec = Spec {
        name: "lasting",
        pieces: &[Piece::Part("number")],
        life: Life { in_process: Duration::from_secs(600), ..Thing::SPEC.life },
        ..Thing::SPEC
    };
    type Value = usize;

    fn key(&self) -> Key {
        Key::of(&self.org).part(self.number)
    }
}
