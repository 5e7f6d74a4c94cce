//! How state machines spell what the API calls otherwise: the names of AWS's SDK for Java 2, which
//! runs their calls. All follow from the API's, but for the few that the table lists.

use std::borrow::Cow;

/// The action for this operation: with a small first letter.
pub(crate) fn action(operation: &str) -> String {
    with_first(operation, char::to_ascii_lowercase)
}

/// The member with a capital first letter.
pub(crate) fn capitalised(member: &str) -> Cow<'_, str> {
    if member.starts_with(|first: char| first.is_ascii_lowercase()) {
        Cow::Owned(with_first(member, char::to_ascii_uppercase))
    } else {
        Cow::Borrowed(member)
    }
}

fn with_first(name: &str, change: impl Fn(&char) -> char) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| change(&first)).into_iter().chain(letters).collect()
}

/// The member as SDK integrations spell it. Java begins it small, a whole acronym where one leads
/// (`DBInstance` → `dbInstance`, `ACL` → `acl`); a state machine begins that with a capital.
pub(crate) fn member(api: &str) -> String {
    let letters: Vec<char> = api.chars().collect();
    let is = |index: usize, test: fn(&char) -> bool| letters.get(index).is_some_and(test);
    let mut end = 1;
    while is(end, char::is_ascii_uppercase) && !is(end + 1, char::is_ascii_lowercase) {
        end += 1;
    }
    let small = letters.iter().take(end).map(char::to_ascii_lowercase);
    let name: String = small.chain(letters.iter().skip(end).copied()).collect();
    with_first(&name, char::to_ascii_uppercase)
}

/// Names longer than this are compared with nothing.
const LONGEST: usize = 100;

/// The name that was hardly meant otherwise: the same but for capitals, or no more than every third
/// letter away.
pub(crate) fn closest<'a>(
    given: &str,
    names: impl IntoIterator<Item = Cow<'a, str>>,
) -> Option<Cow<'a, str>> {
    if given.chars().count() > LONGEST {
        return None;
    }
    let small = given.to_ascii_lowercase();
    let away = |name: &str| distance(&small, &name.to_ascii_lowercase());
    let (steps, name) = names.into_iter().map(|name| (away(&name), name)).min_by_key(|it| it.0)?;
    (steps <= given.chars().count() / 3).then_some(name)
}

/// How many letters must be put in, left out or exchanged (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().take(2 * LONGEST).collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, letter) in from.chars().enumerate() {
        let mut before = row[0];
        row[0] = index + 1;
        for column in 0..to.len() {
            let exchanged = before + usize::from(to[column] != letter);
            before = row[column + 1];
            row[column + 1] = exchanged.min(before + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::{action, capitalised, closest, member};
    use crate::{Spelling, service};

    #[test]
    fn members_are_spelled_as_java_spells_them() {
        for (api, expected) in [
            ("BucketName", "BucketName"),
            ("clientToken", "ClientToken"),
            ("ACL", "Acl"),
            ("DBInstanceIdentifier", "DbInstanceIdentifier"),
            ("KMSKeyId", "KmsKeyId"),
            ("SSEKMSKeyId", "SsekmsKeyId"),
            ("SSECustomerKeyMD5", "SseCustomerKeyMD5"),
            ("MD5OfMessageBody", "Md5OfMessageBody"),
            ("VPC", "Vpc"),
            ("URI", "Uri"),
            ("TTL", "Ttl"),
            ("SNSTopicArn", "SnsTopicArn"),
            ("ETag", "ETag"),
            ("ChecksumCRC32", "ChecksumCRC32"),
            ("detail-type", "Detail-type"),
            ("", ""),
            ("É", "É"),
        ] {
            assert_eq!(member(api), expected);
        }
    }

    #[test]
    fn optimised_integrations_keep_the_apis_names() {
        assert_eq!(capitalised("MD5OfMessageBody"), "MD5OfMessageBody");
        assert_eq!(capitalised("clientToken"), "ClientToken");
        assert_eq!(action("DescribeDBInstances"), "describeDBInstances");
    }

    /// Names that are not what the command line calls the service, and odd ones.
    #[test]
    fn services_are_called_as_in_aws_list() {
        const ODD: &str = "applicationdiscovery cloudwatchlogs cognitoidentityprovider \
            costandusagereport costexplorer databasemigration directory directoryservicedata \
            elasticloadbalancing elasticloadbalancingv2 elasticsearch eventbridge iotdataplane \
            iotjobsdataplane lexmodelbuilding lexmodelsv2 lexruntimev2 marketplacemetering \
            migrationhub pinpointsmsvoice serverlessapplicationrepository sfn ecrpublic sesv2 \
            config dynamodb secretsmanager ec2 s3 emrcontainers emrserverless bedrockruntime \
            apigatewayv2 acmpca wafv2 kinesisanalyticsv2 rdsdata redshiftdata s3control";
        let unknown: Vec<&str> = ODD.split(' ').filter(|name| service(name).is_none()).collect();
        assert_eq!(unknown, Vec::<&str>::new());
        for other in ["logs", "events", "stepfunctions", "states", "ds", "es", "S3", "mobile", ""] {
            assert!(service(other).is_none(), "{other}");
        }
        let prefixes = [
            ("dynamodb", "DynamoDb"),
            ("secretsmanager", "SecretsManager"),
            ("sfn", "Sfn"),
            ("cloudwatchlogs", "CloudWatchLogs"),
            ("ec2", "Ec2"),
            ("config", "Config"),
            ("directory", "Directory"),
            ("sesv2", "SesV2"),
        ];
        for (name, prefix) in prefixes {
            assert_eq!(&*service(name).unwrap().prefix, prefix);
        }
    }

    #[test]
    fn members_that_java_cannot_name_and_those_it_adds_are_in_the_table() {
        for (name, action, expected) in [
            ("codeartifact", "deletePackage", "PackageValue"),
            ("s3", "copyObject", "SourceBucket"),
            ("s3", "putObject", "Acl"),
        ] {
            let service = service(name).unwrap();
            let input = service.input(service.operation(action).unwrap());
            assert!(input.member(expected, Spelling::Sdk).is_some(), "{name}:{action} {expected}");
        }
    }

    #[test]
    fn the_closest_name_is_offered_if_it_is_close() {
        let closest = |given: &str, names: &[&'static str]| {
            closest(given, names.iter().copied().map(Cow::Borrowed)).map(Cow::into_owned)
        };
        assert_eq!(closest("ACL", &["Bucket", "Acl"]).as_deref(), Some("Acl"));
        assert_eq!(closest("Filter", &["Filters", "FilterName"]).as_deref(), Some("Filters"));
        assert_eq!(closest("Mesage", &["Message", "Messages"]).as_deref(), Some("Message"));
        assert_eq!(closest("TaskToken", &["Payload", "FunctionName"]), None);
        assert_eq!(closest("", &["Payload"]), None);
        assert_eq!(closest(&"a".repeat(1_000_000), &["Payload"]), None);
    }
}
