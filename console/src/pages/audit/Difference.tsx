import { Table, type TableProps, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { momentText } from "../../common/time";
import { textOf } from "../../common/texts";
import { differenceOf, type FieldChange } from "./difference";

const TONES = { added: "success", removed: "danger", changed: "warning", same: "secondary" } as const;
/** Fields that are milliseconds since 1970. */
const TIMES = ["dueAt", "earlierValidUntil"];

/** What an act changed: each field before and after. */
export function Difference({ before, after }: { before: unknown; after: unknown }) {
  const { t } = useTranslation("audit");
  const fields = differenceOf(before, after);
  if (fields.length === 0) return <Typography.Text type="secondary">{t("noState")}</Typography.Text>;
  // An act that makes or removes something has one state alone.
  const hasBoth = Boolean(before) && Boolean(after);
  const valueColumn = (title: string, of: (field: FieldChange) => unknown) => ({
    title,
    render: (_: unknown, field: FieldChange) => <FieldValue path={field.path} value={of(field)} />,
  });
  const columns: TableProps<FieldChange>["columns"] = [
    {
      title: t("field"),
      render: (_, { path }) => <span title={path}>{textOf("audit", `fields.${path}`, path)}</span>,
    },
    ...(hasBoth
      ? [
          {
            title: t("kind"),
            render: (_: unknown, { kind }: FieldChange) => <Typography.Text type={TONES[kind]}>{t(`kinds.${kind}`)}</Typography.Text>,
          },
        ]
      : []),
    ...(before ? [valueColumn(t("before"), (field) => field.before)] : []),
    ...(after ? [valueColumn(t("after"), (field) => field.after)] : []),
  ];
  return (
    <Table<FieldChange>
      rowKey="path"
      size="small"
      bordered
      columns={columns}
      dataSource={fields}
      pagination={false}
    />
  );
}

function FieldValue({ path, value }: { path: string; value: unknown }) {
  const { t } = useTranslation();
  if (value === undefined) return <>—</>;
  if (value === null) return <Typography.Text type="secondary">{t("none")}</Typography.Text>;
  if (typeof value === "boolean") return <>{t(value ? "yes" : "no")}</>;
  if (typeof value === "number") {
    return <span className="number">{TIMES.includes(path) ? momentText(value) : value}</span>;
  }
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return <span style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>{text}</span>;
}
