//! What goes into an operation and what comes out.

use std::borrow::Cow;

use crate::names;
use crate::operation::Service;

/// The number of a shape: below [`FIRST_STORED`] a scalar without limits, else a stored one.
pub(crate) type ShapeId = u32;

pub(crate) const FIRST_STORED: ShapeId = 16;

/// Where the shape with a number is. Every number in a decoded service has one.
pub(crate) enum Place {
    Scalar(Scalar),
    Stored(usize),
}

impl Place {
    pub(crate) fn of(id: ShapeId) -> Option<Self> {
        match id.checked_sub(FIRST_STORED) {
            Some(index) => Some(Self::Stored(usize::try_from(index).ok()?)),
            None => Scalar::of(id).map(Self::Scalar),
        }
    }
}

/// A shape as a service keeps it.
#[derive(Debug)]
pub(crate) enum Stored {
    Scalar(Scalar, Limits),
    List(ShapeId),
    /// The shape of the values; keys are texts.
    Map(ShapeId),
    Structure(Box<[Member]>),
}

/// What has no parts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scalar {
    String,
    Integer,
    Long,
    Float,
    Double,
    Boolean,
    Blob,
    Timestamp,
    /// Any JSON.
    Document,
}

impl Scalar {
    pub(crate) fn of(id: ShapeId) -> Option<Self> {
        Some(match id {
            1 => Self::String,
            2 => Self::Integer,
            3 => Self::Long,
            4 => Self::Float,
            5 => Self::Double,
            6 => Self::Boolean,
            7 => Self::Blob,
            8 => Self::Timestamp,
            9 => Self::Document,
            _ => return None,
        })
    }
}

/// What a scalar must keep to: its value, or the length of a text.
#[derive(Debug, Default, PartialEq)]
pub struct Limits {
    pub min: Option<f64>,
    pub max: Option<f64>,
    /// All values there are; empty if any will do.
    pub values: Vec<Box<str>>,
}

static UNLIMITED: Limits = Limits { min: None, max: None, values: Vec::new() };

/// A shape, with the service it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Typed<'a> {
    service: &'a Service,
    id: ShapeId,
}

/// What a shape is.
#[derive(Clone, Copy, Debug)]
pub enum Shape<'a> {
    Scalar(Scalar, &'a Limits),
    /// A list of these.
    List(Typed<'a>),
    /// An object of these by any key.
    Map(Typed<'a>),
    Structure(Structure<'a>),
}

impl<'a> Typed<'a> {
    /// What it is.
    pub fn shape(self) -> Shape<'a> {
        let Self { service, id } = self;
        let stored = match Place::of(id) {
            Some(Place::Scalar(scalar)) => return Shape::Scalar(scalar, &UNLIMITED),
            Some(Place::Stored(index)) => service.shapes.get(index),
            None => None,
        };
        match stored {
            Some(Stored::Scalar(scalar, limits)) => Shape::Scalar(*scalar, limits),
            Some(Stored::List(id)) => Shape::List(Typed { service, id: *id }),
            Some(Stored::Map(id)) => Shape::Map(Typed { service, id: *id }),
            Some(Stored::Structure(members)) => Shape::Structure(Structure { service, members }),
            // No decoded service has such a number.
            None => Shape::Scalar(Scalar::Document, &UNLIMITED),
        }
    }
}

/// An object of known members.
#[derive(Clone, Copy, Debug)]
pub struct Structure<'a> {
    pub(crate) service: &'a Service,
    pub(crate) members: &'a [Member],
}

impl<'a> Structure<'a> {
    /// Its members, in the API's order.
    pub fn members(self) -> &'a [Member] {
        self.members
    }

    /// The member that is spelled so.
    pub fn member(self, name: &str, spelling: Spelling) -> Option<&'a Member> {
        self.members.iter().find(|member| member.name(spelling) == name)
    }

    /// The member that was hardly meant otherwise by this name.
    pub fn closest(self, name: &str, spelling: Spelling) -> Option<Cow<'a, str>> {
        names::closest(name, self.members.iter().map(|member| member.name(spelling)))
    }

    /// What this member, one of its own, holds.
    pub fn of(self, member: &Member) -> Typed<'a> {
        Typed { service: self.service, id: member.shape }
    }
}

/// One member of a structure.
#[derive(Debug)]
pub struct Member {
    /// As the API has it.
    pub(crate) api: Box<str>,
    /// As state machines spell it with SDK integrations.
    pub(crate) sdk: Box<str>,
    pub(crate) shape: ShapeId,
    pub is_required: bool,
    /// Whether it alone is the body of the request or the answer, as it is: any JSON will do.
    pub is_raw_body: bool,
}

/// Whose names a state machine uses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Spelling {
    /// Those of AWS's SDK for Java, with `arn:aws:states:::aws-sdk:…`: `Acl`, `DbInstances`.
    Sdk,
    /// The API's own with a capital first letter, with optimised integrations: `BOOL`, `MD5OfMessageBody`.
    Api,
}

impl Member {
    /// As a state machine spells it.
    pub fn name(&self, spelling: Spelling) -> Cow<'_, str> {
        match spelling {
            Spelling::Sdk => Cow::Borrowed(&self.sdk),
            Spelling::Api => names::capitalised(&self.api),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Scalar, Shape, Spelling};
    use crate::operation::Service;
    use crate::service;

    /// Looks at all there is in a service, one step deep from each member.
    pub(crate) fn walk(service: &Service) {
        for operation in service.operations() {
            for structure in [service.input(operation), service.output(operation)] {
                for member in structure.members() {
                    std::hint::black_box((
                        structure.of(member).shape(),
                        member.name(Spelling::Api),
                    ));
                }
            }
        }
    }

    #[track_caller]
    fn check_member(name: &str, action: &str, member: &str, spelling: Spelling, expected: &str) {
        let service = service(name).unwrap();
        let input = service.input(service.operation(action).unwrap());
        let found = input.member(member, spelling).unwrap_or_else(|| panic!("no {member}"));
        let shape = match input.of(found).shape() {
            Shape::Scalar(scalar, limits) if limits.values.is_empty() => format!("{scalar:?}"),
            Shape::Scalar(scalar, limits) => format!("{scalar:?} of {}", limits.values.join(" ")),
            Shape::List(_) => "List".to_owned(),
            Shape::Map(_) => "Map".to_owned(),
            Shape::Structure(_) => "Structure".to_owned(),
        };
        let required = if found.is_required { "required " } else { "" };
        assert_eq!(format!("{required}{shape}"), expected, "{name}:{action} {member}");
    }

    #[test]
    fn members_have_types_and_some_are_required() {
        use Spelling::{Api, Sdk};

        check_member("lambda", "invoke", "FunctionName", Api, "required String");
        check_member("lambda", "invoke", "Payload", Api, "Blob");
        check_member(
            "lambda",
            "invoke",
            "InvocationType",
            Api,
            "String of Event RequestResponse DryRun",
        );
        check_member("sqs", "sendMessage", "DelaySeconds", Sdk, "Integer");
        check_member("sfn", "startExecution", "StateMachineArn", Sdk, "required String");
        check_member("dynamodb", "putItem", "Item", Api, "required Map");
        check_member("ec2", "describeSnapshots", "Filters", Sdk, "List");
        check_member("s3", "deleteObjects", "Delete", Sdk, "required Structure");
    }

    #[test]
    fn a_value_of_dynamodb_holds_itself() {
        let service = service("dynamodb").unwrap();
        let input = service.input(service.operation("putItem").unwrap());
        let Shape::Map(value) = input.of(input.member("Item", Spelling::Sdk).unwrap()).shape()
        else {
            panic!("an item is a map");
        };
        let Shape::Structure(value) = value.shape() else { panic!("a value is a structure") };
        let names = |spelling| -> Vec<String> {
            value.members().iter().map(|it| it.name(spelling).into_owned()).collect()
        };
        assert_eq!(
            names(Spelling::Api),
            "S N B SS NS BS M L NULL BOOL".split(' ').collect::<Vec<_>>()
        );
        assert_eq!(
            names(Spelling::Sdk),
            "S N B Ss Ns Bs M L Nul Bool".split(' ').collect::<Vec<_>>()
        );
        let Shape::List(inner) = value.of(value.member("L", Spelling::Sdk).unwrap()).shape() else {
            panic!("L is a list");
        };
        assert!(matches!(inner.shape(), Shape::Structure(_)));
        let text = value.of(value.member("N", Spelling::Sdk).unwrap());
        assert!(matches!(text.shape(), Shape::Scalar(Scalar::String, _)));
    }
}
