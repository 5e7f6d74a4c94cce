//! Succeed: ends its scope well.

use crate::object::Object;

pub(super) fn read(state: &Object<'_>) {
    state.allow(&[super::COMMON, super::DATA]);
}
