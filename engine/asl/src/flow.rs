//! The way of data through a state, in its query language: what is handed to the work, what becomes of its
//! result, and which variables are assigned.

use crate::expression::Expression;
use crate::jsonata::Sees;
use crate::object::{Language, Object};
use crate::path::{Path, ReferencePath};

/// How data go through a state.
#[derive(Debug)]
pub struct Flow {
    pub data: DataFlow,
    /// `Assign`: an object of variables.
    pub assign: Option<Expression>,
}

/// How data go through a state, by its query language.
#[derive(Debug)]
pub enum DataFlow {
    JsonPath(Box<PathFlow>),
    Jsonata(Box<QueryFlow>),
}

/// Raw input → `InputPath` → `Parameters` → work → `ResultSelector` → `ResultPath`, onto the raw
/// input → `OutputPath`.
#[derive(Debug)]
pub struct PathFlow {
    pub input: Filter,
    pub parameters: Option<Expression>,
    pub result_selector: Option<Expression>,
    pub result_path: ResultPath,
    pub output: Filter,
}

/// Input → `Arguments` → work → `Output`; what is absent changes nothing.
#[derive(Debug)]
pub struct QueryFlow {
    pub arguments: Option<Expression>,
    pub output: Option<Expression>,
}

/// `InputPath` and `OutputPath`: which part of the data goes on.
#[derive(Debug)]
pub enum Filter {
    /// `$`, the default.
    Whole,
    /// `null`: an empty object.
    Empty,
    Path(Path),
}

/// `ResultPath`: where the result goes in the state's raw input.
#[derive(Debug)]
pub enum ResultPath {
    /// `$`, the default: the result replaces the input.
    Replace,
    /// `null`: the result is dropped.
    Discard,
    At(ReferencePath),
}

impl Flow {
    /// What a state says of its data. `parameters` is the field that JSONPath has for what is handed to
    /// the work; fields that this type of state does not have are reported elsewhere.
    pub(crate) fn read(state: &Object<'_>, parameters: &str, sees: Sees) -> Option<Self> {
        let data = match state.language() {
            Language::JsonPath => {
                let input = state.filter("InputPath");
                let parameters = state.expression(parameters, sees);
                let result_selector = state.expression("ResultSelector", sees);
                let result_path = state.result_path();
                let output = state.filter("OutputPath");
                DataFlow::JsonPath(Box::new(PathFlow {
                    input: input?,
                    parameters: parameters?,
                    result_selector: result_selector?,
                    result_path: result_path?,
                    output: output?,
                }))
            }
            Language::Jsonata => {
                let arguments = state.expression("Arguments", Sees::default());
                let output = state.expression("Output", sees);
                DataFlow::Jsonata(Box::new(QueryFlow { arguments: arguments?, output: output? }))
            }
        };
        Some(Self { data, assign: assign(state, sees)? })
    }

    /// The variables that its expressions mention.
    pub fn variables(&self) -> Vec<String> {
        let filter = |filter: &Filter| match filter {
            Filter::Path(path) => path.variables().into_iter().map(str::to_owned).collect(),
            Filter::Whole | Filter::Empty => Vec::new(),
        };
        let (expressions, paths) = match &self.data {
            DataFlow::JsonPath(flow) => (
                [flow.parameters.as_ref(), flow.result_selector.as_ref()],
                [filter(&flow.input), filter(&flow.output)],
            ),
            DataFlow::Jsonata(flow) => {
                ([flow.arguments.as_ref(), flow.output.as_ref()], [Vec::new(), Vec::new()])
            }
        };
        let all = expressions.into_iter().flatten().chain(&self.assign);
        paths.into_iter().flatten().chain(all.flat_map(Expression::variables)).collect()
    }
}

/// `Assign` of a state, a choice rule or a catcher. `Some(None)` where the field is absent.
#[expect(clippy::option_option, reason = "absent is fine, unreadable is not")]
pub(crate) fn assign(object: &Object<'_>, sees: Sees) -> Option<Option<Expression>> {
    const MAX_NAME_CHARS: usize = 80;
    const NAME: &str = "Assign";
    if !object.has(NAME) {
        return Some(None);
    }
    let variables = object.object(NAME)?;
    let mut all_named = true;
    for (field, _) in variables.entries() {
        let name = match object.language() {
            Language::JsonPath => field.strip_suffix(".$").unwrap_or(field),
            Language::Jsonata => field,
        };
        let mut letters = name.chars();
        let is_name = letters.next().is_some_and(unicode_ident::is_xid_start)
            && letters.all(|c| c == '-' || unicode_ident::is_xid_continue(c))
            && name.chars().count() <= MAX_NAME_CHARS
            && name != "states";
        if !is_name {
            all_named = false;
            let message = format!(
                "'{name}' is not the name of a variable: a letter, then letters, digits, '_' and '-', at \
                 most {MAX_NAME_CHARS} characters, and not 'states'"
            );
            variables.wrong_at::<()>(field, message);
        }
    }
    let assign = object.expression(NAME, sees)?;
    all_named.then_some(assign)
}
