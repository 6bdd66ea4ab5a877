import { type Breakpoint, Table } from "antd";
import { useTranslation } from "react-i18next";
import { bytesText, countText } from "../../common/numbers";
import { ScrollBox } from "../../common/ScrollBox";
import { Section } from "../../common/Section";
import { Moment } from "../../common/time";
import type { Node } from "./overview";

/** The processes of the server, and what they use. */
export function Nodes({ nodes }: { nodes: Node[] }) {
  const { t } = useTranslation("overview");
  const orNone = (value: number | null | undefined, write: (value: number) => string) =>
    typeof value === "number" ? write(value) : "—";
  const number = (title: string, write: (node: Node) => string, responsive?: Breakpoint[]) => ({
    title,
    responsive,
    align: "right" as const,
    className: "number",
    render: (_: unknown, node: Node) => write(node),
  });
  return (
    <Section title={t("node.title")}>
      <ScrollBox label={t("node.title")}>
        <Table
          rowKey="name"
          size="small"
          pagination={false}
          style={{ minWidth: "max-content" }}
          dataSource={nodes}
          columns={[
            { title: t("node.name"), dataIndex: "name" },
            { title: t("node.version"), dataIndex: "version", className: "number", responsive: ["md"] },
            { title: t("node.started"), render: (_, { startedAt }) => <Moment at={startedAt} ago /> },
            number(t("node.cores"), ({ cores }) => orNone(cores, (count) => count.toFixed(2))),
            number(t("node.memory"), ({ memoryBytes }) => orNone(memoryBytes, bytesText)),
            number(t("node.faces"), ({ searchableFaces }) => countText(searchableFaces), ["md"]),
            number(t("node.behind"), ({ behindSeconds }) => `${behindSeconds.toFixed(1)} s`, ["md"]),
            number(t("node.files"), ({ openFiles }) => orNone(openFiles, countText), ["md"]),
          ]}
        />
      </ScrollBox>
    </Section>
  );
}
