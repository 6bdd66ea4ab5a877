import { Flex, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { Page } from "../../common/Page";
import { Loaded } from "../../common/states";
import { Moment } from "../../common/time";
import { Engines } from "./Engines";
import { FirstSteps } from "./FirstSteps";
import { Nodes } from "./Nodes";
import { OpenJobs } from "./OpenJobs";
import { type Overview, useOverview } from "./overview";
import { RecentEvents } from "./RecentEvents";
import { StatusLine } from "./StatusLine";
import { Tiles } from "./Tiles";
import { Traffic } from "./Traffic";

/** Whether all is well, and what happens now. */
export default function OverviewPage() {
  const { t } = useTranslation("overview");
  const query = useOverview();
  return (
    <Page
      title={t("title")}
      actions={
        query.data && (
          <Typography.Text type="secondary" className="number">
            {t("asOf")} <Moment at={query.data.at} />
          </Typography.Text>
        )
      }
    >
      <Loaded query={query}>{(overview) => <Content overview={overview} />}</Loaded>
    </Page>
  );
}

function Content({ overview }: { overview: Overview }) {
  const columns = { display: "grid", gap: 16, gridTemplateColumns: "repeat(auto-fit, minmax(min(100%, 440px), 1fr))" };
  return (
    <Flex vertical gap={16}>
      <StatusLine overview={overview} />
      {overview.people === 0 && <FirstSteps overview={overview} />}
      <Tiles overview={overview} />
      <Traffic minutes={overview.minutes} />
      <div style={columns}>
        <RecentEvents />
        <Flex vertical gap={16} style={{ minWidth: 0 }}>
          <OpenJobs jobs={overview.jobs} />
          {overview.engines && <Engines engines={overview.engines} />}
        </Flex>
      </div>
      {overview.nodes && <Nodes nodes={overview.nodes} />}
    </Flex>
  );
}
