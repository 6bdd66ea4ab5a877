import { SafetyCertificateOutlined } from "@ant-design/icons";
import { useQuery } from "@tanstack/react-query";
import { Alert, Button, Flex, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { api, dataOf } from "../../api/client";
import { Copyable } from "../../common/Copyable";
import { FailurePanel } from "../../common/states";
import { momentText } from "../../common/time";

/** Checks on request that no entry of the log was changed or removed, and says what was found. */
export function ChainCheck() {
  const { t } = useTranslation("audit");
  const check = useQuery({
    queryKey: ["audit-check"],
    queryFn: async () => ({ at: Date.now(), ...(await dataOf(api.GET("/audit/check"))) }),
    enabled: false,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const button = (
    <Button icon={<SafetyCertificateOutlined />} loading={check.isFetching} onClick={() => void check.refetch()}>
      {t(check.data ? "check.again" : "check.run")}
    </Button>
  );
  if (check.error && !check.isFetching) return <FailurePanel failure={check.error} onRetry={() => void check.refetch()} />;
  if (!check.data) {
    return (
      <Alert
        type="info"
        showIcon
        title={t("check.title")}
        description={
          <Flex vertical gap={8} align="start">
            {t("check.about")}
            {button}
          </Flex>
        }
      />
    );
  }
  const { at, entries, lastHash, brokenAt } = check.data;
  return (
    <Alert
      type={brokenAt ? "error" : "success"}
      showIcon
      role="status"
      title={brokenAt ? t("check.broken", { entry: brokenAt }) : t("check.intact", { entries })}
      description={
        <Flex vertical gap={4}>
          <span>{brokenAt ? t("check.brokenAbout", { entries }) : t("check.intactAbout")}</span>
          <span>
            {t("check.lastHash")} <Copyable text={lastHash} />
          </span>
          <Typography.Text type="secondary" className="number">
            {t("check.at", { time: momentText(at) })}
          </Typography.Text>
          <div>{button}</div>
        </Flex>
      }
    />
  );
}
