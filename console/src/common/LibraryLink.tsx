import { Typography } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { queries } from "../api/client";
import { Failure } from "../api/failure";

const FRESH_MS = 60_000;

/** The name of a library, as a link to it; its id if it is deleted by now. */
export function LibraryLink({ id }: { id: string }) {
  const { t } = useTranslation();
  const { data, error } = queries.useQuery("get", "/libraries/{library}", { params: { path: { library: id } } }, { staleTime: FRESH_MS });
  if (error instanceof Failure && error.status === 404) {
    return <Typography.Text type="secondary">{t("deletedLibrary", { id })}</Typography.Text>;
  }
  return (
    <Link to={`/libraries/${id}`} title={data?.name} style={{ overflowWrap: "anywhere" }}>
      {data?.name ?? id}
    </Link>
  );
}
