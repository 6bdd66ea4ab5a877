import { Descriptions, Flex, Tag, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { queries } from "../../api/client";
import { usePermissions } from "../../app/session";
import { Part } from "../../common/Part";
import { Loaded } from "../../common/states";

/** Version, algorithm, engines and database of this server. */
export function Running() {
  const { t } = useTranslation("about");
  const { isAdmin } = usePermissions();
  const version = queries.useQuery("get", "/version");
  const system = queries.useQuery("get", "/system", {}, { enabled: isAdmin });
  return (
    <Part title={t("running.title")}>
      <Loaded query={version}>
        {({ version, algorithm, engines, defaultEngine, database }) => {
          const items = [
            { key: "version", label: t("running.version"), children: <Typography.Text strong>AICP {version}</Typography.Text> },
            {
              key: "algorithm",
              label: t("running.algorithm"),
              children: `${algorithm.name} ${algorithm.version} (${algorithm.provider})`,
            },
            {
              key: "engines",
              label: t("running.engines"),
              children: (
                <Flex gap={4} wrap>
                  {engines.map((engine) => (
                    <Tag key={engine} style={{ marginInlineEnd: 0 }}>
                      {engine === defaultEngine ? t("running.isDefault", { engine }) : engine}
                    </Tag>
                  ))}
                </Flex>
              ),
            },
            { key: "database", label: t("running.database"), children: database },
            ...(system.data
              ? [
                  {
                    key: "numbers",
                    label: t("running.stored"),
                    children: <span className="number">{t("running.numbers", { ...system.data })}</span>,
                  },
                  {
                    key: "threshold",
                    label: t("running.threshold"),
                    children: <span className="number">{system.data.threshold.toFixed(2)}</span>,
                  },
                ]
              : []),
          ];
          return (
            <>
              <Descriptions
                size="small"
                column={{ xs: 1, md: 2 }}
                items={items}
                styles={{ content: { overflowWrap: "anywhere" }, label: { whiteSpace: "nowrap" } }}
              />
              <Typography.Text type="secondary">{t("running.algorithmAbout")}</Typography.Text>
            </>
          );
        }}
      </Loaded>
    </Part>
  );
}
