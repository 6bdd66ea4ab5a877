//! Sections 5 and 8: call statistics. Both have the same fields, section 5 in lower case and section 8 in camel case.

use aicp_platform::{Bucket, BucketTotal, CallFilter, CallTotal, LoggedCall, SingleCalls};
use aicp_types::UnixMillis;
use jiff::civil::{Date, DateTime};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::call::{Call, our_failure};
use super::envelope::Answer;
use super::failure::Failure;
use super::fields::Fields;
use super::routes::{Dialect, StatisticsCall};
use super::{literals, times};

/// Separator between the first and the last day of a bucket.
const TO: &str = "~~~";

const LOWER: [&str; 18] = [
    "traceid",
    "username",
    "visitip",
    "visittime",
    "visitdesc",
    "visiturl",
    "costtime",
    "visitresult",
    "visitcode",
    "visitmsg",
    "visitsource",
    "methodname",
    "callcount",
    "end",
    "day",
    "begin",
    "total",
    "count",
];
const CAMEL: [&str; 18] = [
    "traceId",
    "username",
    "visitIp",
    "visitTime",
    "visitDesc",
    "visitUrl",
    "costTime",
    "visitResult",
    "visitCode",
    "visitMsg",
    "visitSource",
    "methodName",
    "callCount",
    "end",
    "day",
    "begin",
    "total",
    "count",
];

/// Row of any answer. Fields that are null in the manual's samples stay null.
struct Row {
    names: &'static [&'static str; 18],
    cost_ms: i64,
    label: String,
    source: String,
    method: String,
    end: Option<String>,
    day: String,
    begin: Option<String>,
    total: Option<String>,
    count: u64,
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.names.len()))?;
        for (index, name) in self.names.iter().enumerate() {
            match index {
                6 => map.serialize_entry(name, &self.cost_ms)?,
                9 => map.serialize_entry(name, &self.label)?,
                10 => map.serialize_entry(name, &self.source)?,
                11 => map.serialize_entry(name, &self.method)?,
                13 => map.serialize_entry(name, &self.end)?,
                14 => map.serialize_entry(name, &self.day)?,
                15 => map.serialize_entry(name, &self.begin)?,
                16 => map.serialize_entry(name, &self.total)?,
                17 => map.serialize_entry(name, &self.count.to_string())?,
                _ => map.serialize_entry(name, &())?,
            }
        }
        map.end()
    }
}

impl Call<'_> {
    pub async fn statistics(&self, call: StatisticsCall, fields: Fields<'_>) -> Result<Answer, Failure> {
        let answer = match call {
            StatisticsCall::Totals => self.totals(&fields).await,
            StatisticsCall::ByDay => self.buckets(&fields, Bucket::Day).await,
            StatisticsCall::ByWeek => self.buckets(&fields, Bucket::Week).await,
            StatisticsCall::ByMonth => self.buckets(&fields, Bucket::Month).await,
            StatisticsCall::ChartByDay => self.chart_by_day(&fields).await,
            StatisticsCall::ChartByMonth => self.chart_by_month(&fields).await,
            StatisticsCall::All => self.all_calls(&fields).await,
        };
        // The manual has one message for every failure after authentication.
        answer.map_err(|failure| failure.with_message(literals::RUNTIME_ERROR))
    }

    /// Answers 5.1 and 8.1. Day and cost are those of a method's latest call.
    async fn totals(&self, fields: &Fields<'_>) -> Result<Answer, Failure> {
        let totals =
            self.platform.call_totals(self.caller, &self.filter(fields)?).await.map_err(|e| our_failure(&e))?;
        let rows = totals.into_iter().map(|total| {
            let (day, cost_ms) = (self.date_time(total.last_time), total.last_cost_ms);
            Row { cost_ms, ..self.row(total, day) }
        });
        Answer::ok(&rows.collect::<Vec<_>>())
    }

    /// Answers 5.2 to 5.4 and 8.2 to 8.4. A day ends with the next date; weeks and months end with their last day.
    async fn buckets(&self, fields: &Fields<'_>, bucket: Bucket) -> Result<Answer, Failure> {
        let filter = self.filter(fields)?;
        let buckets = self.platform.call_buckets(self.caller, &filter, bucket);
        let rows = buckets.await.map_err(|e| our_failure(&e))?.into_iter().map(|BucketTotal { first, last, total }| {
            let end = if bucket == Bucket::Day { last.tomorrow().unwrap_or(last) } else { last };
            let row = self.row(total, format!("{first}{TO}{end}"));
            Row { begin: Some(first.to_string()), end: Some(end.to_string()), ..row }
        });
        Answer::ok(&rows.collect::<Vec<_>>())
    }

    /// Answers 5.5 and 8.5: the days of a month, grouped by method.
    async fn chart_by_day(&self, fields: &Fields<'_>) -> Result<Answer, Failure> {
        let month = match self.optional(fields, "time")? {
            Some(text) => times::date(&format!("{text}-01")).ok_or_else(|| wrong("time"))?,
            None => self.platform.today().first_of_month(),
        };
        let last = month.last_of_month();
        let buckets = self.chart(month, last, Bucket::Day).await?;
        let row = |BucketTotal { first, total, .. }| Row {
            total: Some(last.day().to_string()),
            ..self.row(total, first.to_string())
        };
        Answer::ok(&by_method(buckets.into_iter().map(row)))
    }

    /// Answers 5.6 and 8.6: the months of a year, grouped by method.
    async fn chart_by_month(&self, fields: &Fields<'_>) -> Result<Answer, Failure> {
        let first = match self.optional(fields, "year")? {
            Some(text) => times::date(&format!("{text}-01-01")).ok_or_else(|| wrong("year"))?,
            None => self.platform.today().first_of_year(),
        };
        let buckets = self.chart(first, first.last_of_year(), Bucket::Month).await?;
        let row = |BucketTotal { first, total, .. }| self.row(total, first.strftime("%Y-%m").to_string());
        Answer::ok(&by_method(buckets.into_iter().map(row)))
    }

    async fn chart(&self, first: Date, last: Date, bucket: Bucket) -> Result<Vec<BucketTotal>, Failure> {
        let midnight = |day: Date| self.platform.moment(day.to_datetime(jiff::civil::Time::midnight()));
        let filter = CallFilter {
            from: Some(midnight(first).ok_or_else(|| wrong("time"))?),
            to: Some(last.tomorrow().ok().and_then(midnight).ok_or_else(|| wrong("time"))?),
            ..CallFilter::default()
        };
        self.platform.call_buckets(self.caller, &filter, bucket).await.map_err(|e| our_failure(&e))
    }

    /// Answers 5.7 and 8.7: single calls.
    async fn all_calls(&self, fields: &Fields<'_>) -> Result<Answer, Failure> {
        let calls = self.platform.calls(self.caller, &self.filter(fields)?).await.map_err(|e| our_failure(&e))?;
        // Borrows the rows, so that `calls` lives until the answer is serialised: it may be large.
        let SingleCalls { rows, .. } = &calls;
        let rows = rows.iter().map(|call: &LoggedCall| Row {
            names: self.names(),
            cost_ms: call.cost_ms,
            label: call.label.clone(),
            source: call.source.clone(),
            method: call.method.clone(),
            end: None,
            day: self.date_time(call.time),
            begin: None,
            total: None,
            count: 1,
        });
        Answer::ok(&rows.collect::<Vec<_>>())
    }

    fn filter(&self, fields: &Fields<'_>) -> Result<CallFilter, Failure> {
        let (from, to) = times::range(fields, |local: DateTime| self.platform.moment(local))?;
        Ok(CallFilter { name: self.optional(fields, "call_Name")?, from, to, ..CallFilter::default() })
    }

    fn optional(&self, fields: &Fields<'_>, name: &'static str) -> Result<Option<String>, Failure> {
        let text = fields.text(&[name])?;
        Ok(text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()))
    }

    fn row(&self, total: CallTotal, day: String) -> Row {
        Row {
            names: self.names(),
            cost_ms: total.cost_ms,
            label: total.label,
            source: total.source,
            method: total.method,
            end: None,
            day,
            begin: None,
            total: None,
            count: total.count,
        }
    }

    fn names(&self) -> &'static [&'static str; 18] {
        if self.dialect == Dialect::New { &LOWER } else { &CAMEL }
    }

    fn date_time(&self, time: UnixMillis) -> String {
        self.platform.local(time).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }
}

/// Groups rows, already sorted by method, into one list per method.
fn by_method(rows: impl Iterator<Item = Row>) -> Vec<Vec<Row>> {
    let mut methods: Vec<Vec<Row>> = Vec::new();
    for row in rows {
        match methods.last_mut().filter(|of_one| of_one.last().is_some_and(|last| last.method == row.method)) {
            Some(of_one) => of_one.push(row),
            None => methods.push(vec![row]),
        }
    }
    methods
}

fn wrong(name: &'static str) -> Failure {
    Failure::message(literals::wrong_format(name))
}
