import { Card, Descriptions, Flex, Tag, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { queries, type Schema } from "../../api/client";
import { Copyable } from "../../common/Copyable";
import { Part } from "../../common/Part";
import { Loaded, Nothing } from "../../common/states";
import { textOf } from "../../common/texts";

type Model = Schema<"ShownModel">;

/** The files of the models folder, with their origins, checksums and licences. */
export function Models() {
  const { t } = useTranslation("about");
  const models = queries.useQuery("get", "/models");
  return (
    <Part title={t("files.title")} about={t("files.about")}>
      <Loaded query={models}>
        {({ items }) =>
          items.length === 0 ? (
            <Nothing text={t("files.nothing")} />
          ) : (
            <div style={{ display: "grid", gap: 12, gridTemplateColumns: "repeat(auto-fill, minmax(min(100%, 420px), 1fr))" }}>
              {items.map((model) => (
                <ModelCard key={model.file} model={model} />
              ))}
            </div>
          )
        }
      </Loaded>
    </Part>
  );
}

function ModelCard({ model }: { model: Model }) {
  const { t } = useTranslation("about");
  const { purpose, file, algorithm, version, contract, licence, sha256 } = model;
  const items = [
    { key: "file", label: t("files.file"), children: file },
    ...(algorithm ? [{ key: "algorithm", label: t("files.algorithm"), children: [algorithm, version].filter(Boolean).join(" ") }] : []),
    { key: "package", label: t("files.package"), children: model.package ?? t("files.notNamed") },
    { key: "licence", label: t("files.licence"), children: licence ?? t("files.notNamed") },
    {
      key: "sha256",
      label: "SHA-256",
      children: <Copyable text={sha256} shown={`${sha256.slice(0, 12)}…${sha256.slice(-8)}`} />,
    },
    ...(contract ? [{ key: "contract", label: t("files.contract"), children: <span lang="en">{contract}</span> }] : []),
  ];
  return (
    <Card size="small">
      <Flex justify="space-between" align="center" gap={8} style={{ marginBottom: 8 }}>
        <Typography.Title level={3} style={{ fontSize: 14, margin: 0 }}>
          {textOf("about", `purpose.${purpose}`, purpose)}
        </Typography.Title>
        {licence && <Tag style={{ marginInlineEnd: 0 }}>{licence}</Tag>}
      </Flex>
      <Descriptions
        size="small"
        column={1}
        items={items}
        styles={{ content: { overflowWrap: "anywhere", minWidth: 0 }, label: { whiteSpace: "nowrap" } }}
      />
    </Card>
  );
}
