//! Topics to addresses and back: the rules of the operator, then the namespace (adapters.md 1.3).
//!
//! A rule is a pair of beginnings, so both directions and the patterns of filters come from the
//! same two strings.

use crate::payload::PayloadMode;
use crate::topic::{self, Filter};

/// What a PUBLISH from MQTT becomes (adapters.md 1.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PublishAs {
    /// A param, whatever the retain flag says.
    #[default]
    Param,
    /// A param if it is to be retained, else an event.
    Retain,
    /// A frame of a stream.
    Stream,
}

/// Which ways a rule works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From MQTT and to MQTT.
    #[default]
    Both,
    /// From MQTT only.
    In,
    /// To MQTT only.
    Out,
}

/// Which topics stand for which addresses, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Beginning of the topics; empty for all.
    topic: Box<str>,
    /// Beginning of the addresses, without a slash at its end; empty for the root.
    address: Box<str>,
    /// It covers what is below, not one topic only.
    tree: bool,
    /// Which ways it works.
    pub direction: Direction,
    /// How payloads are read and written.
    pub payload: PayloadMode,
    /// What a PUBLISH becomes.
    pub publish_as: PublishAs,
}

impl Rule {
    /// A rule for `topic`, a name or a filter that ends in `/#`, and `address`, an address or a
    /// pattern that ends in `/**`.
    ///
    /// # Errors
    /// What is wrong with the two.
    pub fn new(topic: &str, address: &str) -> Result<Rule, String> {
        let tree = topic == "#" || topic.ends_with("/#");
        if tree != address.ends_with("/**") {
            return Err("topic and address go together: either both name one place, or the topic \
                        ends in /# and the address in /**"
                .into());
        }
        let (topic, address) = match tree {
            true => {
                (topic.trim_end_matches('#').trim_end_matches('/'), &address[..address.len() - 3])
            }
            false => (topic, address),
        };
        if !topic.is_empty() || !tree {
            topic::check_name(topic).map_err(|error| format!("topic: {error}"))?;
        }
        if !(address.is_empty() && tree) {
            check_address(address)?;
        }
        Ok(Rule {
            topic: topic.into(),
            address: address.into(),
            tree,
            direction: Direction::default(),
            payload: PayloadMode::default(),
            publish_as: PublishAs::default(),
        })
    }

    /// What is left of a topic after the rule's beginning; `None` if it is no topic of the rule.
    fn below<'t>(&self, topic: &'t str) -> Option<&'t str> {
        if self.topic.is_empty() {
            return self.tree.then_some(topic);
        }
        let rest = topic.strip_prefix(&*self.topic)?;
        match rest.strip_prefix('/') {
            Some(below) if self.tree => Some(below),
            None if rest.is_empty() => Some(rest),
            _ => None,
        }
    }

    fn covers(&self, topic: &str) -> bool {
        self.below(topic).is_some()
    }

    /// Appends the address of a topic that the rule covers.
    fn push_address(&self, topic: &str, address: &mut String) {
        address.push_str(&self.address);
        let below = self.below(topic).unwrap_or_default();
        if !below.is_empty() || (self.tree && topic.len() > self.topic.len()) {
            topic::push_path(below, address);
        }
    }

    /// Appends the topic of an address; `false` if the rule has none for it.
    fn push_topic(&self, address: &str, topic: &mut String) -> bool {
        let Some(path) = address.strip_prefix(&*self.address) else { return false };
        topic.push_str(&self.topic);
        if path.is_empty() {
            return !self.topic.is_empty();
        }
        if !self.topic.is_empty() {
            topic.push('/');
        }
        self.tree && topic::push_topic(path, topic)
    }

    /// The pattern of those addresses whose topics a filter can match.
    fn pattern(&self, filter: &Filter<'_>) -> Option<String> {
        let mut levels = filter.text.split('/');
        let own = (!self.topic.is_empty()).then(|| self.topic.split('/'));
        for (place, mine) in own.into_iter().flatten().enumerate() {
            let asked = levels.next()?;
            if place == 0 && mine.starts_with('$') && filter.begins_wild() {
                return None;
            }
            match asked {
                "#" => {
                    let below = if self.tree { "/**" } else { "" };
                    return Some(format!("{}{below}", self.address));
                }
                "+" => {}
                literal if literal == mine => {}
                _ => return None,
            }
        }
        let mut pattern = self.address.to_string();
        let mut rest = levels.peekable();
        match rest.peek() {
            None => {}
            Some(&"#") if !self.tree => {}
            Some(_) if !self.tree => return None,
            Some(_) => topic::push_pattern(rest, &mut pattern),
        }
        (!pattern.is_empty()).then_some(pattern)
    }
}

fn check_address(address: &str) -> Result<(), String> {
    clasp_protocol::address::check(address, &clasp_protocol::address::AddressLimits::default())
        .map_err(|error| format!("address: {error}"))?;
    match address.contains('*') {
        true => Err("address: a wildcard stands at the end only, as /**".into()),
        false => Ok(()),
    }
}

/// All rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// First those of the operator, in order; at last the one for everything else.
    rules: Vec<Rule>,
}

impl Mapping {
    /// `rules` in order, then `otherwise`, whose topic is `#`.
    pub fn new(mut rules: Vec<Rule>, otherwise: Rule) -> Mapping {
        rules.push(otherwise);
        Mapping { rules }
    }

    /// Everything below `namespace`, which is empty or an address.
    ///
    /// # Errors
    /// It is neither.
    pub fn namespace(namespace: &str) -> Result<Rule, String> {
        Rule::new("#", &format!("{}/**", namespace.trim_end_matches('/')))
    }

    /// The rule for a topic name.
    pub fn rule(&self, topic: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.covers(topic))
    }

    /// Replaces `address` by that of a topic name; the rule that says so.
    pub fn address(&self, topic: &str, address: &mut String) -> Option<&Rule> {
        let rule = self.rule(topic)?;
        address.clear();
        rule.push_address(topic, address);
        Some(rule)
    }

    /// Replaces `topic` by that of an address, if it has one towards MQTT; the rule that says so.
    pub fn topic(&self, address: &str, topic: &mut String) -> Option<&Rule> {
        self.rules.iter().find(|rule| {
            topic.clear();
            rule.direction != Direction::In
                && rule.push_topic(address, topic)
                && self.rule(topic).is_some_and(|first| std::ptr::eq(first, *rule))
        })
    }

    /// Patterns of all addresses whose topics a filter can match; possibly of some others.
    pub fn patterns(&self, filter: &Filter<'_>) -> Vec<String> {
        let outward = self.rules.iter().filter(|rule| rule.direction != Direction::In);
        outward.filter_map(|rule| rule.pattern(filter)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mapping(namespace: &str, rules: &[(&str, &str)]) -> Mapping {
        let rules = rules.iter().map(|(topic, address)| Rule::new(topic, address).unwrap());
        Mapping::new(rules.collect(), Mapping::namespace(namespace).unwrap())
    }

    fn address(mapping: &Mapping, topic: &str) -> String {
        let mut address = String::new();
        mapping.address(topic, &mut address).unwrap();
        address
    }

    fn topic(mapping: &Mapping, address: &str) -> Option<String> {
        let mut topic = String::new();
        mapping.topic(address, &mut topic).is_some().then_some(topic)
    }

    fn patterns(mapping: &Mapping, filter: &str) -> Vec<String> {
        mapping.patterns(&Filter::parse(filter).unwrap())
    }

    #[test]
    fn a_namespace_stands_before_every_topic_in_both_directions() {
        for namespace in ["/mqtt", "/iot/home", ""] {
            let mapping = mapping(namespace, &[]);
            assert_eq!(address(&mapping, "x/y"), format!("{namespace}/x/y"));
            let back = topic(&mapping, &format!("{namespace}/x/y"));
            assert_eq!(back.as_deref(), Some("x/y"), "{namespace}");
            assert_eq!(patterns(&mapping, "x/+/#"), [format!("{namespace}/x/*/**")]);
        }
        let mapping = mapping("/mqtt", &[]);
        assert_eq!(topic(&mapping, "/mqtt"), None);
        assert_eq!(topic(&mapping, "/mqttx/y"), None);
        assert_eq!(topic(&mapping, "/other"), None);
    }

    #[test]
    fn rules_come_before_the_namespace() {
        let mapping = mapping("/mqtt", &[("zigbee2mqtt/#", "/zb/**"), ("alarm", "/house/alarm")]);
        assert_eq!(address(&mapping, "zigbee2mqtt/lamp/set"), "/zb/lamp/set");
        assert_eq!(address(&mapping, "zigbee2mqtt"), "/zb");
        assert_eq!(address(&mapping, "zigbee2mqtt/"), "/zb/%_");
        assert_eq!(address(&mapping, "alarm"), "/house/alarm");
        assert_eq!(address(&mapping, "alarm/x"), "/mqtt/alarm/x");
        assert_eq!(topic(&mapping, "/zb/lamp").as_deref(), Some("zigbee2mqtt/lamp"));
        assert_eq!(topic(&mapping, "/house/alarm").as_deref(), Some("alarm"));
        assert_eq!(topic(&mapping, "/mqtt/zigbee2mqtt/lamp"), None, "the rule has that topic");
    }

    #[test]
    fn a_filter_asks_every_rule_that_it_can_match() {
        let mapping = mapping("/mqtt", &[("zigbee2mqtt/#", "/zb/**"), ("alarm", "/house/alarm")]);
        assert_eq!(patterns(&mapping, "#"), ["/zb/**", "/house/alarm", "/mqtt/**"]);
        assert_eq!(patterns(&mapping, "+/lamp"), ["/zb/lamp", "/mqtt/*/lamp"]);
        assert_eq!(patterns(&mapping, "zigbee2mqtt/#"), ["/zb/**", "/mqtt/zigbee2mqtt/**"]);
        assert_eq!(patterns(&mapping, "alarm/#"), ["/house/alarm", "/mqtt/alarm/**"]);
        assert_eq!(patterns(&mapping, "a/*"), ["/mqtt/a/%2A"]);
    }

    #[test]
    fn rules_that_name_no_pair_are_refused() {
        for (topic, address) in [("a/#", "/a"), ("a", "/a/**"), ("a/+", "/a/b"), ("a", "/a//b")] {
            assert!(Rule::new(topic, address).is_err(), "{topic} {address}");
        }
        assert!(Rule::new("a/+/#", "/a/**").is_err() && Rule::new("a", "/a/*").is_err());
        assert!(Mapping::namespace("mqtt").is_err());
        assert!(Mapping::namespace("/mqtt/").is_ok());
    }

    proptest! {
        #[test]
        fn every_topic_comes_back_from_its_address(
            name in "[ab%*/$ 2A]{1,10}",
            namespace in prop_oneof![Just(""), Just("/mqtt"), Just("/a/b")],
        ) {
            let mapping = mapping(namespace, &[("a/#", "/rule/**"), ("b", "/exact")]);
            prop_assert_eq!(topic(&mapping, &address(&mapping, &name)), Some(name));
        }
    }
}
